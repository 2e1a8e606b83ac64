//! The path that was sent, beside the path that actix-web routes.
//!
//! 1. actix-web decodes a path before it matches it, and a permission sees what was sent. So that one that decides on the
//!    path is not passed by `/%61dmin` (CVE-2022-22978), text of a route is not matched by escapes that it does not need.
//! 2. What a pattern captures may be escaped at will, as in the other adapters.

use actix_web::HttpRequest;

/// What actix-web leaves escaped.
const KEPT: &[u8] = b"%/+";

/// Whether the text of the matched route stands in the path as it was sent.
pub(crate) fn is_as_sent(request: &HttpRequest) -> bool {
    let (sent, matched) = (request.uri().path(), request.match_info());
    let routed = matched.as_str();
    if sent == routed {
        return true;
    }
    let (decoded, mut needless) = decode(sent.as_bytes());
    if decoded != routed.as_bytes() {
        // What was no text cannot be laid beside what actix-web has made of it; nor can what something has rewritten.
        return String::from_utf8_lossy(&decoded) == routed && !needless.contains(&true);
    }
    for (_, captured) in matched.iter() {
        let begin = captured.as_ptr().addr().wrapping_sub(routed.as_ptr().addr());
        let end = begin.wrapping_add(captured.len());
        needless.get_mut(begin..end).unwrap_or_default().fill(false);
    }
    !needless.contains(&true)
}

/// Decodes a path as actix-web does, and tells of each byte whether it was sent as an escape that it does not need.
fn decode(mut sent: &[u8]) -> (Vec<u8>, Vec<bool>) {
    let (mut decoded, mut needless) = (Vec::with_capacity(sent.len()), Vec::with_capacity(sent.len()));
    while let Some((first, after)) = sent.split_first() {
        let (byte, is_needless, rest) =
            escape(sent).map_or((*first, false, after), |(byte, rest)| (byte, is_plain(byte), rest));
        decoded.push(byte);
        needless.push(is_needless);
        sent = rest;
    }
    (decoded, needless)
}

/// Takes an escape off a path that actix-web decodes.
fn escape(sent: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, rest @ ..] = sent else { return None };
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = digit(high)? << 4 | digit(low)?;
    (!KEPT.contains(&byte)).then_some((byte, rest))
}

/// Whether a path can hold a byte without an escape (RFC 3986 section 3.3).
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'$' | b'&'..=b'.' | b':' | b';' | b'=' | b'@' | b'_' | b'~')
}
