//! `multipart/form-data` (RFC 7578) over a body that is all there; only text fields are looked at.
//!
//! 1. The boundary is a token or a quoted string of 1 to 70 characters (RFC 2046 section 5.1.1), and stands once.
//! 2. A delimiter is CRLF, `--` and the boundary; what follows it on its line is white space, or `--` at the end. A
//!    line that only begins like one is refused: two parsers could cut it in two ways. Without the last delimiter the
//!    whole body is refused. What stands before the first one and behind the last one is no part (RFC 2046).
//! 3. The headers of a part are at most 1024 bytes (Django's `MAX_TOTAL_HEADER_SIZE`), one a line, and end with an
//!    empty line; there are at most 1000 parts (Django's `DATA_UPLOAD_MAX_NUMBER_FIELDS`).
//! 4. A field is a part whose `Content-Disposition` is `form-data` with a `name` (RFC 7578 section 4.2). In the name
//!    `\"`, `\\` and `%22` stand for what they escape, as clients and browsers send them.
//! 5. A part with a file name, in whatever form, is a file and passed over; so is one without a name.
//! 6. Content that is encoded for transport (RFC 7578 section 4.7) is refused: undecoded it would be another text.

use std::borrow::Cow;

use super::BodyError;
use super::form::{Fields, MAX_FIELDS, too_many, value};

const MAX_BOUNDARY: usize = 70;
const MAX_HEADERS: usize = 1024;

/// Parses a body whose media type is known to be `multipart/form-data`.
pub(super) fn parse(media_type: &str, body: &[u8]) -> Result<Fields, BodyError> {
    let boundary = boundary(media_type).ok_or_else(|| malformed("Invalid boundary."))?;
    let delimiter = [b"\r\n--", boundary.as_slice()].concat();
    let mut rest = match delimiter.strip_prefix(b"\r\n").and_then(|first| body.strip_prefix(first)) {
        Some(rest) => rest,
        None => split(body, &delimiter).ok_or_else(|| malformed("Incomplete body."))?.1,
    };
    let mut fields = Vec::new();
    for _ in 0..=MAX_FIELDS {
        let Some(part) = next_part(rest)? else { return Ok(fields) };
        let (part, after) = split(part, &delimiter).ok_or_else(|| malformed("Incomplete body."))?;
        rest = after;
        if let Some((name, content)) = field(part).ok_or_else(|| malformed("Invalid part."))? {
            fields.push((name, value(String::from_utf8_lossy(content))));
        }
    }
    Err(too_many())
}

/// Reads on behind a delimiter: what follows its line, or nothing behind the last one.
fn next_part(rest: &[u8]) -> Result<Option<&[u8]>, BodyError> {
    let (is_last, line) = rest.strip_prefix(b"--").map_or((false, rest), |line| (true, line));
    let padding = line.iter().take_while(|byte| is_space(**byte)).count();
    match line.get(padding..).unwrap_or_default() {
        [] if is_last => Ok(None),
        [b'\r', b'\n', ..] if is_last => Ok(None),
        [b'\r', b'\n', part @ ..] => Ok(Some(part)),
        _ => Err(malformed("Invalid delimiter.")),
    }
}

/// Reads the name and the content of a part; `Some(None)` for one to pass over.
fn field(part: &[u8]) -> Option<Option<(String, &[u8])>> {
    let Headers { disposition, is_encoded, content } = headers(part)?;
    let Some(disposition) = disposition else { return Some(None) };
    let end = disposition.iter().position(|byte| *byte == b';').unwrap_or(disposition.len());
    let (kind, rest) = disposition.split_at_checked(end)?;
    let parameters = parameters(rest)?;
    let is = |name: &'static str| move |other: &&[u8]| other.eq_ignore_ascii_case(name.as_bytes());
    let mut names = parameters.iter().filter(|(name, _)| is("name")(name) || is("name*")(name));
    let is_file = parameters.iter().any(|(name, _)| is("filename")(name) || is("filename*")(name));
    match (names.next(), names.next()) {
        _ if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") => None,
        (_, Some(_)) => None,
        (None, None) => Some(None),
        _ if is_file => Some(None),
        (Some((name, _)), None) if is("name*")(name) => None,
        _ if is_encoded => None,
        (Some((_, name)), None) => Some(Some((String::from_utf8_lossy(name).replace("%22", "\""), content))),
    }
}

/// What the headers of a part say, and what follows them.
struct Headers<'a> {
    disposition: Option<&'a [u8]>,
    is_encoded: bool,
    content: &'a [u8],
}

fn headers(part: &[u8]) -> Option<Headers<'_>> {
    let mut headers = Headers { disposition: None, is_encoded: false, content: part };
    loop {
        let (line, rest) = split(headers.content, b"\r\n")?;
        headers.content = rest;
        if part.len() - rest.len() > MAX_HEADERS + 2 {
            return None;
        }
        if line.is_empty() {
            return Some(headers);
        }
        let (name, value) = token(line)?;
        let value = value.strip_prefix(b":")?.trim_ascii();
        if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return None;
        }
        if name.eq_ignore_ascii_case(b"content-disposition") && headers.disposition.replace(value).is_some() {
            return None;
        }
        if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            let plain: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
            headers.is_encoded |= !plain.iter().any(|plain| value.eq_ignore_ascii_case(plain));
        }
    }
}

fn boundary(media_type: &str) -> Option<Vec<u8>> {
    let text = media_type.get(media_type.find(';')?..)?;
    let parameters = parameters(text.as_bytes())?.into_iter();
    let mut boundaries = parameters.filter(|(name, _)| name.eq_ignore_ascii_case(b"boundary"));
    let (_, boundary) = boundaries.next()?;
    let is_valid = (1..=MAX_BOUNDARY).contains(&boundary.len())
        && boundary.iter().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte))
        && !boundary.ends_with(b" ");
    (is_valid && boundaries.next().is_none()).then_some(boundary)
}

/// Reads `; name=value; name="value"` to its end.
fn parameters(mut rest: &[u8]) -> Option<Vec<(&[u8], Vec<u8>)>> {
    let mut parameters = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        let [b';', after @ ..] = rest else { return rest.is_empty().then_some(parameters) };
        rest = after.trim_ascii_start();
        if rest.is_empty() || rest.starts_with(b";") {
            continue;
        }
        let (name, after) = token(rest)?;
        let after = after.strip_prefix(b"=")?;
        let (value, after) = match after.strip_prefix(b"\"") {
            Some(quoted) => unquote(quoted)?,
            None => token(after).map(|(value, after)| (value.to_vec(), after))?,
        };
        rest = after;
        parameters.push((name, value));
    }
}

/// Reads a quoted string behind its first quote. A backslash escapes a quote or itself, and else is one: Internet
/// Explorer sends whole paths.
fn unquote(quoted: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut value, mut rest) = (Vec::new(), quoted);
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Some((value, after)),
            [b'\\', escaped @ (b'"' | b'\\'), after @ ..] | [escaped, after @ ..] => {
                value.push(*escaped);
                after
            }
            [] => return None,
        };
    }
}

/// Splits off a token (RFC 9110 section 5.6.2).
fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let length = text.iter().take_while(|byte| is_token(byte)).count();
    if length == 0 { None } else { text.split_at_checked(length) }
}

/// Splits at the first `needle`, which falls away. A CR stands at its beginning alone, so that no two attempts overlap.
fn split<'a>(text: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(needle.len()).position(|window| window == needle)?;
    Some((text.get(..at)?, text.get(at + needle.len()..)?))
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn malformed(why: &str) -> BodyError {
    BodyError::Malformed(Cow::Owned(format!("Multipart form parse error - {why}")))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;
    use crate::body::Value;

    const TYPE: &str = "multipart/form-data; boundary=BB";

    /// Reads the fields as text.
    fn read(media_type: &str, body: &[u8]) -> Result<Vec<(String, String)>, String> {
        match parse(media_type, body) {
            Ok(fields) => Ok(fields.into_iter().map(|(name, value)| (name, text(&value))).collect()),
            Err(BodyError::Malformed(message)) => Err(message.into_owned()),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn text(value: &Value) -> String {
        let Value::Text(text, None) = value else { panic!("a field is text") };
        text.expose_secret().clone()
    }

    /// One part named `a` with the content `x`, with these headers instead of the usual one.
    fn with_headers(headers: &str) -> String {
        format!("--BB\r\n{headers}\r\n\r\nx\r\n--BB--\r\n")
    }

    fn named(name: &str) -> String {
        with_headers(&format!("Content-Disposition: form-data; name={name}"))
    }

    #[test]
    fn a_boundary_is_a_token_or_quoted() {
        let (longest, longer) = ("b".repeat(70), "b".repeat(71));
        let (longest, longer) = (format!("boundary={longest}"), format!("boundary={longer}"));
        let rows = [
            ("a token", "boundary=BB", Some("BB")),
            ("WebKit's", "boundary=----WebKitFormBoundary7MA4YWxk", Some("----WebKitFormBoundary7MA4YWxk")),
            ("another case of letters", "BOUNDARY=Bb", Some("Bb")),
            ("behind another parameter", "charset=utf-8;boundary=BB ;", Some("BB")),
            ("quoted", "boundary=\"B (=/:?) B\"", Some("B (=/:?) B")),
            ("inside another's quotes", "x=\"; boundary=no\"; boundary=BB", Some("BB")),
            ("70 characters", longest.as_str(), longest.strip_prefix("boundary=")),
            ("71 characters", longer.as_str(), None),
            ("none", "charset=utf-8", None),
            ("empty", "boundary=", None),
            ("empty and quoted", "boundary=\"\"", None),
            ("not closed", "boundary=\"BB", None),
            ("text behind the quotes", "boundary=\"BB\"x", None),
            ("a space at its end", "boundary=\"BB \"", None),
            ("no token", "boundary=B=B", None),
            ("two", "boundary=BB; boundary=BB", None),
            ("two header lines", "boundary=BB,multipart/form-data; boundary=BB", None),
            ("a line break", "boundary=\"B\r\nB\"", None),
            ("not ASCII", "boundary=\"B\u{e9}\"", None),
            ("a space around the sign", "boundary = BB", None),
        ];
        for (name, parameters, verdict) in rows {
            let found = boundary(&format!("multipart/form-data; {parameters}"));
            assert_eq!(found.as_deref(), verdict.map(str::as_bytes), "{name}");
        }
        assert_eq!(boundary("multipart/form-data"), None);
    }

    #[test]
    fn the_name_of_a_field_is_read_as_clients_write_it() {
        let rows = [
            ("quoted", "\"a b\"", Some("a b")),
            ("a token", "ab", Some("ab")),
            ("empty", "\"\"", Some("")),
            ("UTF-8", "\"zo\u{eb}\"", Some("zo\u{eb}")),
            ("a quote as browsers send it", "\"a%22b\"", Some("a\"b")),
            ("a quote as curl sends it", "\"a\\\"b\\\\\"", Some("a\"b\\")),
            ("a backslash alone", "\"a\\b\"", Some("a\\b")),
            ("a semicolon inside", "\"a; filename=b\"", Some("a; filename=b")),
            ("another parameter", "\"a\"; x=y;", Some("a")),
            ("not closed", "\"a", None),
            ("text behind it", "\"a\"b", None),
            ("nothing", "", None),
            ("twice", "\"a\"; name=\"b\"", None),
            ("twice, once extended", "\"a\"; name*=utf-8''b", None),
        ];
        for (row, name, verdict) in rows {
            let found = read(TYPE, named(name).as_bytes());
            let wanted = verdict.map(|name| vec![(name.to_owned(), "x".to_owned())]);
            assert_eq!(found.ok(), wanted, "{row}");
        }
    }

    #[test]
    fn the_headers_of_a_part_decide_about_it() {
        let long =
            |length: usize| format!("X: {}\r\nContent-Disposition: form-data; name=a", "y".repeat(length));
        let (longest, longer) = (long(1024 - 45), long(1024 - 44));
        let rows = [
            ("the usual", "Content-Disposition: form-data; name=a", Ok(1)),
            ("another case of letters", "CONTENT-DISPOSITION:FORM-DATA;NAME=a", Ok(1)),
            (
                "others beside it",
                "A: b\r\nContent-Disposition: form-data; name=a\r\nContent-Type: text/plain",
                Ok(1),
            ),
            (
                "plain for transport",
                "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: 8BIT",
                Ok(1),
            ),
            ("1024 bytes", longest.as_str(), Ok(1)),
            ("a file", "Content-Disposition: form-data; name=a; filename=b", Ok(0)),
            ("a file without a name", "Content-Disposition: form-data; name=a; filename=\"\"", Ok(0)),
            ("a file, extended", "Content-Disposition: form-data; name=a; filename*=utf-8''b", Ok(0)),
            (
                "an encoded file",
                "Content-Disposition: form-data; name=a; filename=b\r\nContent-Transfer-Encoding: base64",
                Ok(0),
            ),
            ("no disposition", "Content-Type: text/plain", Ok(0)),
            ("no name", "Content-Disposition: form-data", Ok(0)),
            ("1025 bytes", longer.as_str(), Err(())),
            ("another disposition", "Content-Disposition: attachment; name=a", Err(())),
            (
                "two dispositions",
                "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
                Err(()),
            ),
            ("an extended name", "Content-Disposition: form-data; name*=utf-8''a", Err(())),
            (
                "encoded for transport",
                "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64",
                Err(()),
            ),
            ("folded", "Content-Disposition: form-data;\r\n name=a", Err(())),
            ("a bare line feed", "Content-Disposition: form-data; name=a\nX: y", Err(())),
            ("NUL", "Content-Disposition: form-data; name=\"a\0\"", Err(())),
            ("a space before the colon", "Content-Disposition : form-data; name=a", Err(())),
            ("no colon", "Content-Disposition", Err(())),
            ("no name of a header", ": form-data; name=a", Err(())),
        ];
        for (name, headers, verdict) in rows {
            let found = read(TYPE, with_headers(headers).as_bytes());
            assert_eq!(found.map(|fields| fields.len()).map_err(drop), verdict, "{name}");
        }
    }

    #[test]
    fn delimiters_cut_the_body() {
        const PART: &str = "--BB\r\nContent-Disposition: form-data; name=a\r\n\r\n";
        let rows = [
            ("one", format!("{PART}x\r\n--BB--"), Ok(vec!["x"])),
            ("two", format!("{PART}x\r\n{PART}y\r\n--BB--\r\n"), Ok(vec!["x", "y"])),
            ("none, as browsers send an empty form", "--BB--\r\n".to_owned(), Ok(vec![])),
            ("empty content", format!("{PART}\r\n--BB--"), Ok(vec![""])),
            (
                "line breaks inside",
                format!("{PART}\r\n\r\nx\n--BB--\r\r\n--BB--"),
                Ok(vec!["\r\n\r\nx\n--BB--\r"]),
            ),
            ("dashes inside", format!("{PART}\r\n--B\r\n-BB\r\n--BB--"), Ok(vec!["\r\n--B\r\n-BB"])),
            (
                "white space behind delimiters",
                format!("{}x\r\n--BB-- \t", PART.replacen("BB", "BB \t", 1)),
                Ok(vec!["x"]),
            ),
            (
                "text before and behind",
                format!("--BX\r\nno\r\n{PART}x\r\n--BB--\r\n{PART}y\r\n--BB--"),
                Ok(vec!["x"]),
            ),
            ("an empty line first", format!("\r\n{PART}x\r\n--BB--"), Ok(vec!["x"])),
            ("no last delimiter", format!("{PART}x\r\n"), Err(())),
            ("no end of the last delimiter", format!("{PART}x\r\n--BB"), Err(())),
            ("half an end", format!("{PART}x\r\n--BB-"), Err(())),
            ("text behind the end", format!("{PART}x\r\n--BB--x"), Err(())),
            ("a longer boundary", format!("{PART}x\r\n--BBB\r\ny\r\n--BB--"), Err(())),
            ("line feeds alone", format!("{PART}x\r\n--BB--").replace('\r', ""), Err(())),
            ("another case of letters", format!("{PART}x\r\n--bb--"), Err(())),
            (
                "no empty line behind the headers",
                "--BB\r\nContent-Disposition: form-data; name=a\r\n--BB--".to_owned(),
                Err(()),
            ),
            ("nothing between delimiters", "--BB\r\n\r\n--BB--".to_owned(), Err(())),
            ("no delimiter", "a=x".to_owned(), Err(())),
            ("nothing", String::new(), Err(())),
        ];
        for (name, body, verdict) in rows {
            let found = read(TYPE, body.as_bytes());
            let texts = found.map(|fields| fields.into_iter().map(|(_, text)| text).collect::<Vec<_>>());
            let verdict = verdict.map(|texts| texts.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(texts.map_err(drop), verdict, "{name}");
        }
    }

    #[test]
    fn a_body_has_at_most_a_thousand_parts() {
        let part = "--BB\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n\r\n";
        let of = |parts: usize| format!("{}--BB--", part.repeat(parts));
        assert_eq!(read(TYPE, of(1000).as_bytes()), Ok(vec![]));
        assert_eq!(read(TYPE, of(1001).as_bytes()), Err("Too many fields.".to_owned()));
    }

    #[test]
    fn an_error_repeats_nothing_that_was_sent() {
        for body in ["canary", &named("\"canary"), &named("canary").replace("--\r", "canary\r")] {
            let message = read(TYPE, body.as_bytes()).unwrap_err();
            assert!(message.starts_with("Multipart form parse error - "), "{message}");
            assert!(!message.contains("canary"), "{message}");
        }
    }

    #[test]
    fn no_body_takes_long() {
        let boundary = "B".repeat(70);
        let media_type = format!("multipart/form-data; boundary={boundary}");
        let near = format!("\r\n--{}", "B".repeat(69));
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=a");
        for filling in [near.as_str(), "\r\n", "\r\n\r\n", "\r", "\r\n--", "; name=a", "\\", "\""] {
            let body = format!("{head}{}", filling.repeat(1_000_000 / filling.len()));
            let start = Instant::now();
            assert!(parse(&media_type, body.as_bytes()).is_err());
            assert!(start.elapsed().as_secs() < 2, "{filling:?}: {:?}", start.elapsed());
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(
            start in "(--BB(\r\n)?)?(Content-Disposition: form-data; name=\"?a\"?)?(\r\n){0,2}",
            middle in proptest::collection::vec(any::<u8>(), 0..60),
            end in "[-BC:;=\"\\\\\r\n a]{0,40}(\r\n--BB(--)?)?",
        ) {
            let body = [start.as_bytes(), &middle, end.as_bytes()].concat();
            if parse(TYPE, &body).is_ok() {
                prop_assert!(body.windows(6).any(|window| window == b"--BB--"));
            }
        }

        #[test]
        fn what_is_sent_is_read(
            name in "[^\"\\\\%\x00-\x1f\x7f]{0,20}",
            content in "[^\r]{0,40}",
            quoted in any::<bool>(),
        ) {
            let media_type = if quoted { "multipart/form-data; boundary=\"BB\"" } else { TYPE };
            let body = named(&format!("\"{name}\"")).replacen("\r\n\r\nx", &format!("\r\n\r\n{content}"), 1);
            prop_assert_eq!(read(media_type, body.as_bytes()), Ok(vec![(name, content)]));
        }

        #[test]
        fn a_body_cut_short_is_refused(cut in 1_usize..200) {
            let body = named("\"a\"");
            let whole = body.trim_end();
            let kept = whole.len().saturating_sub(cut);
            prop_assert!(read(TYPE, &whole.as_bytes()[..kept]).is_err());
        }
    }
}
