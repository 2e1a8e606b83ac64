//! The table of routes, and every method on every one of them.

use std::time::Duration;

use super::Adapter;
use super::answer::{denied, not_allowed, shown, unauthorized};
use super::stage::{Clause, Stage, Who, compare, verdict};
use crate::request::RequestBuilder;
use crate::suite::stage::Check;

/// The last ones are no method that anybody has registered (RFC 9110 section 9.1: case matters).
pub(super) const METHODS: [&str; 12] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get",
    "A|B`C",
];

/// What nobody, John and Mary are answered.
type Statuses = [u16; 3];

/// One path: its methods with their permissions and answers, its `Allow`, and the answers to all other methods.
pub(super) struct Path {
    pub(super) path: &'static str,
    /// The path with its capture filled in.
    pub(super) uri: &'static str,
    methods: &'static [(&'static str, &'static str, Statuses)],
    allow: &'static str,
    others: Statuses,
}

const KNOWN: Statuses = [401, 200, 200];
const STAFF: Statuses = [401, 403, 200];
const OPEN: Statuses = [200; 3];
const DENIED: Statuses = [403; 3];
/// John's objects.
const OWNED: Statuses = [401, 200, 403];
/// 405 for who may pass.
const OTHERS: Statuses = [401, 405, 405];
const STAFF_OTHERS: Statuses = [401, 403, 405];
const OPEN_OTHERS: Statuses = [405; 3];
/// An endpoint without a body.
const MALFORMED: Statuses = [400; 3];
/// A handler that is put together wrongly.
const BROKEN: Statuses = [500; 3];
/// What must not be called by who may: it would not answer.
const NO_ANSWER: Statuses = [401, 0, 0];
/// What the session's own endpoints answer to whoever has none: no authenticator of theirs has a challenge.
const NO_SESSION: Statuses = [403; 3];

const GET: &str = "GET, HEAD";

const fn one(
    path: &'static str,
    methods: &'static [(&'static str, &'static str, Statuses)],
    allow: &'static str,
    others: Statuses,
) -> Path {
    Path { path, uri: path, methods, allow, others }
}

const fn captured(uri: &'static str, path: &Path) -> Path {
    Path { uri, ..*path }
}

pub(super) const PATHS: [Path; 51] = [
    one("/whoami", &[("GET", "IsAuthenticated", KNOWN)], GET, OTHERS),
    one("/scheme", &[("GET", "IsAuthenticated", KNOWN)], GET, OTHERS),
    one("/maybe", &[("GET", "AllowAny", OPEN), ("POST", "AllowAny", OPEN)], "GET, POST, HEAD", OPEN_OTHERS),
    one("/open", &[("GET", "AllowAny", KNOWN)], GET, OPEN_OTHERS),
    one(
        "/echo",
        &[("POST", "IsAuthenticated", KNOWN), ("PUT", "IsAuthenticated", KNOWN)],
        "POST, PUT",
        OTHERS,
    ),
    one("/pieces", &[("POST", "IsAuthenticated", KNOWN)], "POST", OTHERS),
    one("/any", &[("*", "IsAuthenticated", KNOWN)], "", KNOWN),
    one("/both", &[("GET", "IsAuthenticated", KNOWN), ("*", "IsAuthenticated", KNOWN)], "", KNOWN),
    one(
        "/rare",
        &[("PATCH", "IsAuthenticated", KNOWN), ("TRACE", "IsAuthenticated", KNOWN)],
        "PATCH, TRACE",
        OTHERS,
    ),
    one("/staff", &[("GET", "IsAdminUser", STAFF)], GET, STAFF_OTHERS),
    one("/local", &[("GET", "IsLocal", [401, 403, 403])], GET, [401, 403, 403]),
    one("/mixed", &[("GET", "AllowAny", OPEN), ("POST", "IsAdminUser", STAFF)], "GET, POST, HEAD", OTHERS),
    one("/throttled", &[("GET", "IsAuthenticated", KNOWN)], GET, OTHERS),
    one("/free", &[("GET", "AllowAny", OPEN)], GET, OPEN_OTHERS),
    one("/few/silent", &[("GET", "AllowAny", OPEN)], GET, OPEN_OTHERS),
    captured(
        "/notes/1",
        &one(
            "/notes/{id}",
            &[
                ("GET", "IsAuthenticated & IsOwner", OWNED),
                ("PUT", "IsAuthenticated & IsOwner", [401, 400, 403]),
            ],
            "GET, PUT, HEAD",
            OTHERS,
        ),
    ),
    one(
        "/unchecked",
        &[("GET", "IsOwner", DENIED), ("POST", "IsOwner", DENIED)],
        "GET, POST, HEAD",
        OPEN_OTHERS,
    ),
    one("/checked", &[("GET", "IsOwner", OWNED)], GET, OPEN_OTHERS),
    one("/swallowed", &[("GET", "IsOwner", [401, 403, 200])], GET, OPEN_OTHERS),
    one("/listed", &[("GET", "IsOwner", KNOWN), ("POST", "IsOwner", KNOWN)], "GET, POST, HEAD", OPEN_OTHERS),
    captured("/owed/asked", &one("/owed/{kind}", &[("GET", "IsOwner", DENIED)], GET, OPEN_OTHERS)),
    captured(
        "/failing/denied",
        &one("/failing/{kind}", &[("GET", "IsAuthenticated", [401, 403, 403])], GET, OTHERS),
    ),
    one("/teapot", &[("GET", "IsAuthenticated", [401, 418, 418])], GET, OTHERS),
    one("/count", &[("GET", "IsAuthenticated", KNOWN)], GET, OTHERS),
    one("/count-and-fail", &[("GET", "IsAuthenticated", [401, 502, 502])], GET, OTHERS),
    one("/count-and-refuse", &[("GET", "IsAuthenticated", [401, 404, 404])], GET, OTHERS),
    one("/count-and-panic", &[("GET", "IsAuthenticated", NO_ANSWER)], GET, OTHERS),
    one("/count-and-wait", &[("GET", "IsAuthenticated", NO_ANSWER)], GET, OTHERS),
    one("/cycle", &[("POST", "IsAuthenticated", KNOWN)], "POST", OTHERS),
    one("/log-out-and-fail", &[("POST", "IsAuthenticated", [401, 500, 500])], "POST", OTHERS),
    one("/visit", &[("GET", "AllowAny", OPEN)], GET, OPEN_OTHERS),
    one("/member/auth", &[("GET", "IsAuthenticated", [401, 500, 500])], GET, OTHERS),
    one("/member/maybe", &[("GET", "AllowAny", BROKEN)], GET, OPEN_OTHERS),
    one("/member/session", &[("GET", "IsAuthenticated", [401, 500, 500])], GET, OTHERS),
    one("/strict", &[("GET", "IsAdminUser", STAFF)], GET, STAFF_OTHERS),
    one("/strict/loose", &[("GET", "AllowAny", OPEN)], GET, OPEN_OTHERS),
    one("/strict/listed", &[("GET", "IsAdminUser", STAFF)], GET, STAFF_OTHERS),
    one("/strict/inner/deep", &[("GET", "IsAdminUser", STAFF)], GET, STAFF_OTHERS),
    one("/strict/inner/path", &[("GET", "SeesFullPath", KNOWN)], GET, OTHERS),
    one("/session/login", &[("POST", "AllowAny", MALFORMED)], "POST", OPEN_OTHERS),
    one("/session/logout", &[("POST", "IsAuthenticated", NO_SESSION)], "POST", NO_SESSION),
    one("/session/csrf", &[("GET", "AllowAny", OPEN)], GET, OPEN_OTHERS),
    one("/session/password", &[("POST", "IsAuthenticated", NO_SESSION)], "POST", NO_SESSION),
    one("/session", &[("GET", "IsAuthenticated", NO_SESSION)], GET, NO_SESSION),
    one("/session/end", &[("POST", "IsAuthenticated", NO_SESSION)], "POST", NO_SESSION),
    one("/session/end-others", &[("POST", "IsAuthenticated", NO_SESSION)], "POST", NO_SESSION),
    one(
        "/tokens",
        &[("POST", "AllowAny", MALFORMED), ("GET", "IsAuthenticated", KNOWN)],
        "GET, POST, HEAD",
        OTHERS,
    ),
    one("/obtain", &[("POST", "AllowAny", MALFORMED)], "POST", OPEN_OTHERS),
    // Without a body it revokes the token that asks, so John and Mary do not ask.
    one("/tokens/revoke", &[("POST", "IsAuthenticated", [401, 0, 0])], "POST", OTHERS),
    one("/unguarded/auth", &[], "", [500; 3]),
    one("/unguarded/note", &[], "", [500; 3]),
];

pub(super) fn clauses<A: Adapter>() -> [Clause<A>; 3] {
    super::clauses![
        the_table_at_start_up_is_the_documented_one,
        every_method_of_every_route_is_decided_before_it_is_answered,
        head_is_answered_as_get_without_a_body,
    ]
}

async fn the_table_at_start_up_is_the_documented_one<A: Adapter>(stage: &Stage<A>) -> Check {
    let table = stage.adapter.table();
    // What the framework serves outside of the guard is the framework's to tell, or not.
    let guarded = table.iter().filter(|row| row.permission() != "public");
    let mut found: Vec<_> = guarded
        .map(|row| {
            (row.method().to_owned(), braced(row.path()), row.permission().to_owned(), row.authenticators())
        })
        .collect();
    let mut wrong = Vec::new();
    for Path { path, methods, .. } in &PATHS {
        for (method, permission, _) in *methods {
            let schemes: &[&str] = match *path {
                "/session/login" | "/session/csrf" => &[],
                "/rare" => &["token"],
                path if path.starts_with("/session") => &["session"],
                _ => &["token", "session", "basic"],
            };
            let row = ((*method).to_owned(), (*path).to_owned(), (*permission).to_owned(), schemes);
            match found.iter().position(|found| *found == row) {
                Some(place) => drop(found.swap_remove(place)),
                None => wrong.push(format!("{method} {path} asks {schemes:?} for {permission}: no such row")),
            }
        }
    }
    wrong.extend(found.iter().map(|row| format!("{row:?}: not documented, or twice")));
    verdict(&wrong)
}

/// Writes `:id` and `<id>` as `{id}`.
fn braced(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        let name = segment.strip_prefix(':').or_else(|| segment.strip_prefix('<')?.strip_suffix('>'));
        name.map_or_else(|| segment.to_owned(), |name| format!("{{{name}}}"))
    });
    segments.collect::<Vec<_>>().join("/")
}

impl Path {
    fn is_guarded(&self) -> bool {
        !self.methods.is_empty()
    }

    fn statuses(&self, method: &str) -> Statuses {
        let named = |wanted: &str| self.methods.iter().find(|(method, ..)| *method == wanted);
        let get = || named("GET").filter(|_| method == "HEAD");
        let found = named(method).or_else(get).or_else(|| named("*"));
        found.map_or(self.others, |(.., statuses)| *statuses)
    }

    /// A method on this path by everybody, with the status.
    fn requests<'a, A: Adapter>(
        &'a self,
        stage: &'a Stage<A>,
        method: &'a str,
        form: &'a str,
    ) -> impl Iterator<Item = (Who, RequestBuilder, u16)> + 'a {
        let all = Who::ALL.into_iter().zip(self.statuses(method));
        all.filter(|(_, status)| *status != 0).map(move |(who, status)| {
            let request = stage.as_who(who, method, &format!("{form}{}", self.uri));
            (who, if method == "PUT" { request.body("application/json", "\"") } else { request }, status)
        })
    }

    /// The answer of this status; where it is a handler's, what was found.
    fn expected(&self, method: &str, status: u16, found: &str) -> String {
        let expected = match status {
            401 => unauthorized(super::answer::STRANGER),
            405 => not_allowed(method, self.allow),
            403 if !self.path.starts_with("/session") && !self.path.starts_with("/failing") => denied(),
            _ => format!("{status}\n{}", after_status(found)),
        };
        let expected = as_asked(self.path, &expected);
        if method == "HEAD" { headless(&expected) } else { expected }
    }
}

async fn every_method_of_every_route_is_decided_before_it_is_answered<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut wrong = Vec::new();
    for path in PATHS.iter().filter(|path| path.is_guarded()) {
        for (method, form) in
            METHODS.into_iter().flat_map(|method| ["", "http://localhost"].map(|form| (method, form)))
        {
            for (who, request, status) in path.requests(stage, method, form) {
                // Else the throttle would answer.
                stage.world.clock.advance(Duration::from_secs(60));
                let found = shown(&stage.send(request.build()).await);
                let name = format!("{method} {form}{} of {who:?}", path.uri);
                compare(&mut wrong, &name, &found, &path.expected(method, status, &found));
            }
        }
    }
    verdict(&wrong)
}

fn after_status(answer: &str) -> &str {
    answer.split_once('\n').map_or("", |(_, rest)| rest)
}

/// Takes the body off an answer that is shown.
pub(super) fn headless(answer: &str) -> String {
    format!("{}\n", answer.rsplit_once('\n').map_or(answer, |(head, _)| head))
}

/// Some routes ask fewer authenticators than the guard has: the session's own endpoints, login and csrf nobody.
fn as_asked(path: &str, answer: &str) -> String {
    let all = "vary: authorization, cookie";
    match path {
        "/session/login" | "/session/csrf" => answer.replace(&format!("\n{all}"), ""),
        "/rare" => answer
            .replace(all, "vary: authorization")
            .replace(&format!("\n{}", super::answer::CHALLENGES[1]), ""),
        path if path.starts_with("/session") => answer.replace(all, "vary: cookie"),
        _ => answer.to_owned(),
    }
}

async fn head_is_answered_as_get_without_a_body<A: Adapter>(stage: &Stage<A>) -> Check {
    let mut wrong = Vec::new();
    // What begins a session or counts answers the second time otherwise.
    let has_state =
        |path: &str| path.starts_with("/count") || ["/throttled", "/few/silent", "/visit"].contains(&path);
    let uris = PATHS.iter().map(|path| path.uri).filter(|path| !has_state(path));
    let more = ["/unknown", "/notes/2", "/notes/99", "/notes/100", "/failing/outage"];
    for uri in uris.chain(more).chain(super::target::SPELLINGS) {
        for who in Who::ALL {
            let [get, head] = ["GET", "HEAD"].map(|method| stage.as_who(who, method, uri));
            let get = stage.ask(get).await;
            // `/any` says which method it was, and `/echo` has no GET.
            let expected = headless(&get);
            compare(&mut wrong, &format!("HEAD {uri} of {who:?}"), &stage.ask(head).await, &expected);
        }
    }
    verdict(&wrong)
}
