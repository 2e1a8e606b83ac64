//! A password's hash as it stands in a store: whatever a row holds, verifying against it never panics, never fails,
//! never takes long, and says right only for a hash of the password.
//!
//! A costly hash within the hasher's band is left out, since instrumented it takes a second; one beyond the band is not,
//! since it must cost nothing.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use portcullis::password::Verification;
use portcullis::{PasswordHash, Secret, SystemRandom};
use portcullis_fuzz::{HASHERS, PASSWORD, block_on};

static STORED: LazyLock<PasswordHash> =
    LazyLock::new(|| block_on(HASHERS.hash(&Secret::from(PASSWORD), &SystemRandom)).unwrap());

fuzz_target!(|text: &str| {
    // The mark stands for a good hash.
    let text = text.replace('\u{1}', STORED.expose_secret());
    if (32_768..=524_288).contains(&work(&text)) {
        return;
    }
    let stored = PasswordHash::new(text.as_str());
    let found = block_on(HASHERS.verify(&Secret::from(PASSWORD), Some(&stored), &SystemRandom)).unwrap();
    let is_right = matches!(found, Verification::Right { .. });
    assert_eq!(is_right, text == STORED.expose_secret());
});

/// The memory times the passes, in KiB, that a text asks for.
fn work(text: &str) -> u64 {
    let number = |key: &str| {
        let rest = text.split_once(key)?.1;
        rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse::<u64>().ok()
    };
    number("$m=").unwrap_or(0).saturating_mul(number(",t=").unwrap_or(0))
}
