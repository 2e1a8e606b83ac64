//! The scripts, each of which is one atomic step.
//!
//! 1. What a script checks it checks before it writes, and what may be refused for want of memory comes first: a script
//!    that fails has changed nothing.
//! 2. Redis tells a script by its digest; a server that was restarted is sent the text once more.

use std::sync::LazyLock;

use redis::{Cmd, cmd};

/// One script, known to the server by its digest.
pub(crate) struct Script {
    text: &'static str,
    inner: LazyLock<redis::Script>,
}

impl Script {
    /// Calls it by its digest.
    pub(crate) fn by_digest(&self, keys: &[&str], arguments: &[&str]) -> Cmd {
        let mut call = cmd("EVALSHA");
        call.arg(self.inner.get_hash()).arg(keys.len()).arg(keys).arg(arguments);
        call
    }

    /// Calls it by its text, which the server then keeps.
    pub(crate) fn by_text(&self, keys: &[&str], arguments: &[&str]) -> Cmd {
        let mut call = cmd("EVAL");
        call.arg(self.text).arg(keys.len()).arg(keys).arg(arguments);
        call
    }
}

macro_rules! scripts {
    ($($name:ident = $($file:literal)+;)*) => {$(
        pub(crate) static $name: Script = Script {
            text: concat!($(include_str!(concat!("lua/", $file, ".lua"))),+),
            inner: LazyLock::new(|| redis::Script::new($name.text)),
        };
    )*};
}

scripts! {
    SESSION_CREATE = "session" "session_create";
    SESSION_SAVE = "session" "session_save";
    SESSION_TOUCH = "session" "session_touch";
    SESSION_CYCLE = "session" "session_cycle";
    SESSION_CLAIM = "session" "session_claim";
    SESSION_FILL = "session" "session_fill";
    SESSION_RELEASE = "session" "session_release";
    SESSION_FLUSH = "session" "session_flush";
    SESSION_END = "session" "session_end";
    SESSION_PURGE = "session_purge";
    INDEX_ADD = "index_add";
    INDEX_OLD = "index_old";
    INDEX_DROP = "index_drop";
    REFRESH_CREATE = "refresh" "refresh_create";
    REFRESH_ROTATE = "refresh" "refresh_rotate";
    REFRESH_REVOKE = "refresh" "refresh_revoke";
    REFRESH_FAMILY = "refresh" "refresh_family";
    REFRESH_ALL = "refresh" "refresh_all";
    REFRESH_LIST = "refresh_list";
    REFRESH_PURGE = "refresh_purge";
    POINTER_SET = "pointer_set";
    COUNTER_SWAP = "counter_swap";
    COUNTER_PURGE = "counter_purge";
}
