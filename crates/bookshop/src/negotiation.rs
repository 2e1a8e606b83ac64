//! Content negotiation, which DRF settles before it asks who you are.
//!
//! 1. `?format=` names a renderer; one that does not exist is 404. The last value counts, an empty one does not.
//! 2. `Accept` must match `application/json`, with wildcards on either side; an absent header matches, an empty one
//!    does not, and `q` is not looked at. Otherwise the answer is 406.
//! 3. At most 8192 bytes, cut at a comma, 64 ranges and 256 characters a range count.
//! 4. Several `Accept` headers are one list (RFC 9110 section 5.3).
//!
//! There is one renderer, JSON. The bookshop lays this around its views, inside of routing: a path that does not
//! exist has nothing to negotiate.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::answer::detail;

const MAX_HEADER: usize = 8192;
const MAX_RANGES: usize = 64;
const MAX_RANGE: usize = 256;

/// Refuses a request whose answer the client would not accept, with 404 or 406; everything outside `/api/` passes.
#[must_use]
pub fn negotiate<'a>(
    path: &str,
    query: &str,
    accept: impl Iterator<Item = &'a [u8]>,
) -> Option<Response<Bytes>> {
    if !path.starts_with("/api/") {
        return None;
    }
    if !is_format_known(query) {
        return Some(detail(StatusCode::NOT_FOUND, "Not found."));
    }
    if !accepts_json(accept) {
        let reason = "Could not satisfy the request Accept header.";
        return Some(detail(StatusCode::NOT_ACCEPTABLE, reason));
    }
    None
}

fn is_format_known(query: &str) -> bool {
    let formats = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "format");
    formats.last().is_none_or(|(_, format)| format.is_empty() || format == "json")
}

fn accepts_json<'a>(accept: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut values = accept.peekable();
    if values.peek().is_none() {
        return true;
    }
    let joined = values.collect::<Vec<_>>().join(&b","[..]);
    let ranges = cut(&joined).split(|byte| *byte == b',').take(MAX_RANGES);
    ranges.map(<[u8]>::trim_ascii).any(|range| range.len() <= MAX_RANGE && matches_json(range))
}

/// Cuts a header that is too long at its last comma that counts.
fn cut(header: &[u8]) -> &[u8] {
    let Some(counted) = header.get(..MAX_HEADER).filter(|_| header.len() > MAX_HEADER) else { return header };
    let end = counted.iter().rposition(|byte| *byte == b',').unwrap_or(counted.len());
    counted.get(..end).unwrap_or(counted)
}

fn matches_json(range: &[u8]) -> bool {
    let media_type = range.split(|byte| *byte == b';').next().unwrap_or_default();
    let mut parts = media_type.splitn(2, |byte| *byte == b'/').map(<[u8]>::trim_ascii);
    let (kind, subtype) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    (kind == b"*" || kind.eq_ignore_ascii_case(b"application"))
        && (subtype == b"*" || subtype.eq_ignore_ascii_case(b"json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_read_as_drf_reads_it() {
        let long = format!("{},application/json", "text/html,".repeat(900));
        let many = format!("{}application/json", "a/b,".repeat(64));
        let padded = format!("application/json;x={}", "y".repeat(256));
        for (values, accepted) in [
            (&[][..], true),
            (&["application/json"], true),
            (&["APPLICATION/Json; indent=4"], true),
            (&["*/*"], true),
            (&["*/*;q=0"], true),
            (&["application/*"], true),
            (&["*/json"], true),
            (&["text/html, application/json;q=0.5"], true),
            (&["text/html", "application/json"], true),
            (&[""], false),
            (&["*"], false),
            (&["garbage"], false),
            (&["text/html"], false),
            (&["application/jsonp"], false),
            (&["application/vnd.api+json"], false),
            (&[long.as_str()], false),
            (&[many.as_str()], false),
            (&[padded.as_str()], false),
        ] {
            let sent = values.iter().map(|value| value.as_bytes());
            assert_eq!(accepts_json(sent), accepted, "{values:.80?}");
        }
    }

    #[test]
    fn format_names_a_renderer() {
        for (uri, known) in [
            ("/api/books/", true),
            ("/api/books/?format=json", true),
            ("/api/books/?format=", true),
            ("/api/books/?format=xml&format=json", true),
            ("/api/books/?%66ormat=%6Ason", true),
            ("/api/books/?format=xml", false),
            ("/api/books/?format=JSON", false),
            ("/api/books/?format=json&format=api", false),
        ] {
            assert_eq!(is_format_known(uri.split_once('?').map_or("", |(_, query)| query)), known, "{uri}");
        }
    }
}
