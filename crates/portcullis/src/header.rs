//! What stands in the headers that authenticate: the `Authorization` field, and fields that may stand once.
//!
//! 1. The value is split at any run of ASCII white space (`bytes.split()`, which DRF uses); what comes first is the
//!    scheme and has no case (RFC 9110 section 11.1).
//! 2. Several lines of one field are one value, joined by commas (RFC 9110 section 5.3, and what DRF sees behind a
//!    WSGI server); no line is picked, so a proxy and we never believe two different ones.
//! 3. A field that is not ours costs a comparison of its first letters and no more, however long it is; one that is
//!    ours is looked at up to [`MAX_AUTHORIZATION_BYTES`], a token up to [`MAX_TOKEN_BYTES`].
//! 4. Basic is strict base64 (RFC 4648 section 4, padded, canonical); then UTF-8, and Latin-1 where it is not UTF-8;
//!    the first colon separates; control characters are refused (RFC 7617 section 2).
//! 5. The messages are DRF's (`rest_framework/authentication.py`), whatever the keyword is.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::error::Rejected;

/// The longest `Authorization` value that is looked at; a password of 4096 bytes takes less than half of it.
const MAX_AUTHORIZATION_BYTES: usize = 16 * 1024;

/// The longest token that is looked at; ours have at most 63 characters.
const MAX_TOKEN_BYTES: usize = 1024;

/// What follows the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument<'a> {
    /// Nothing: the scheme stands alone.
    Missing,
    /// One word.
    One(&'a [u8]),
    /// Two words or more.
    Several,
    /// One word that cannot be right: glued together from several header lines, or too long to look at.
    Impossible,
}

/// Tells cheaply whether the client uses this scheme; letters have no case.
pub(crate) fn scheme_matches(headers: &HeaderMap, keyword: &str) -> bool {
    after_scheme(headers, keyword, false).is_some()
}

/// Returns what follows the scheme on the first line, and the other lines.
fn after_scheme<'a>(
    headers: &'a HeaderMap,
    keyword: &str,
    exact: bool,
) -> Option<(&'a [u8], impl Iterator<Item = &'a HeaderValue> + use<'a>)> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (scheme, rest) = split_keyword(lines.next()?.as_bytes(), keyword)?;
    if exact && scheme != keyword.as_bytes() {
        return None;
    }
    // Joined by a comma, a scheme that stands alone on the first line is another word.
    let second = lines.next();
    let is_another = second.is_some() && rest.trim_ascii_end().is_empty();
    (!is_another).then(|| (rest, second.into_iter().chain(lines)))
}

/// Returns what follows the scheme, or nothing where the client does not use it.
fn argument<'a>(headers: &'a HeaderMap, keyword: &str, longest: usize) -> Option<Argument<'a>> {
    after_scheme(headers, keyword, false).map(|(first, others)| words_of(first, others, longest))
}

/// Tells what the words behind a scheme are.
fn words_of<'a>(
    first: &'a [u8],
    mut others: impl Iterator<Item = &'a HeaderValue>,
    longest: usize,
) -> Argument<'a> {
    let first = first.trim_ascii();
    if first.len() > longest {
        return Argument::Impossible;
    }
    if first.is_empty() {
        return Argument::Missing;
    }
    if has_space(first) {
        return Argument::Several;
    }
    match others.next() {
        None => Argument::One(first),
        // The comma glues the last word to the first one of the next line, and the line's others follow.
        Some(second) if is_one_word(second) && others.all(is_one_word) => Argument::Impossible,
        Some(_) => Argument::Several,
    }
}

/// Returns the token that follows the keyword, as DRF's `TokenAuthentication` reads it; nothing for another scheme.
pub(crate) fn token<'a>(headers: &'a HeaderMap, keyword: &str) -> Result<Option<&'a str>, Rejected> {
    let Some(argument) = argument(headers, keyword, MAX_TOKEN_BYTES) else {
        return Ok(None);
    };
    match argument {
        Argument::Missing => Err(Rejected::new("Invalid token header. No credentials provided.")),
        Argument::Several => {
            Err(Rejected::new("Invalid token header. Token string should not contain spaces."))
        }
        Argument::Impossible => Err(Rejected::new("Invalid token.")),
        Argument::One(word) => std::str::from_utf8(word).map(Some).map_err(|_| {
            Rejected::new("Invalid token header. Token string should not contain invalid characters.")
        }),
    }
}

/// What stands behind the scheme of a JWT.
#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bearer<'a> {
    /// Another scheme.
    Absent,
    /// Not one word behind the scheme (simplejwt's `bad_authorization_header`).
    Malformed,
    /// Too long to look at, or glued together from several lines.
    Impossible,
    /// The token.
    Token(&'a [u8]),
}

/// Returns the token behind one of several schemes, as simplejwt's `JWTAuthentication` reads it; `exact` tells `Bearer`
/// and `bearer` apart.
#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
pub(crate) fn bearer<'a>(
    headers: &'a HeaderMap,
    schemes: &[Box<str>],
    exact: bool,
    longest: usize,
) -> Bearer<'a> {
    let Some((first, others)) = schemes.iter().find_map(|scheme| after_scheme(headers, scheme, exact)) else {
        return Bearer::Absent;
    };
    match words_of(first, others, longest) {
        Argument::Missing | Argument::Several => Bearer::Malformed,
        Argument::Impossible => Bearer::Impossible,
        Argument::One(word) => Bearer::Token(word),
    }
}

/// Tells cheaply whether the client uses a scheme, letter for letter where `exact`.
#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
pub(crate) fn names_scheme(headers: &HeaderMap, scheme: &str, exact: bool) -> bool {
    after_scheme(headers, scheme, exact).is_some()
}

/// Returns the name and password of the Basic scheme, as DRF's `BasicAuthentication` reads them; nothing for another.
pub(crate) fn basic(headers: &HeaderMap) -> Result<Option<Credentials>, Rejected> {
    let Some(argument) = argument(headers, "Basic", MAX_AUTHORIZATION_BYTES) else {
        return Ok(None);
    };
    match argument {
        Argument::Missing => Err(Rejected::new("Invalid basic header. No credentials provided.")),
        Argument::Several => {
            Err(Rejected::new("Invalid basic header. Credentials string should not contain spaces."))
        }
        Argument::Impossible => Err(not_base64()),
        Argument::One(word) => credentials(word).map(Some),
    }
}

/// Lends the value of a field, its lines joined by commas as a WSGI server does; no allocation for a single line.
pub(crate) fn joined(headers: &HeaderMap, name: impl Into<HeaderName>) -> Option<Cow<'_, [u8]>> {
    let mut lines = headers.get_all(name.into()).into_iter();
    let first = lines.next()?.as_bytes();
    Some(lines.fold(Cow::Borrowed(first), |mut value, line| {
        value.to_mut().push(b',');
        value.to_mut().extend_from_slice(line.as_bytes());
        value
    }))
}

/// Reads bytes as Latin-1, the encoding in which Python sees headers.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn credentials(word: &[u8]) -> Result<Credentials, Rejected> {
    let decoded = STANDARD.decode(word).map(Zeroizing::new).map_err(|_| not_base64())?;
    let text = match std::str::from_utf8(&decoded) {
        Ok(text) => Zeroizing::new(text.to_owned()),
        Err(_) => Zeroizing::new(latin1(&decoded)),
    };
    let (username, password) = text.split_once(':').ok_or_else(not_base64)?;
    // Before any hash: HMAC pads its key with NULs, so a password followed by them would log in.
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Rejected::new("Invalid username/password."));
    }
    Ok(Credentials::new(username, password))
}

fn not_base64() -> Rejected {
    Rejected::new("Invalid basic header. Credentials not correctly base64 encoded.")
}

/// Returns the keyword as it stands there and what stands behind it, when it is the first word.
fn split_keyword<'a>(value: &'a [u8], keyword: &str) -> Option<(&'a [u8], &'a [u8])> {
    let start = value.iter().position(|byte| !is_space(*byte))?;
    let (first, rest) = value.get(start..)?.split_at_checked(keyword.len())?;
    let ends = rest.first().is_none_or(|byte| is_space(*byte));
    (ends && first.eq_ignore_ascii_case(keyword.as_bytes())).then_some((first, rest))
}

/// Tells whether white space stands in a value; looks at whole blocks, since a stranger chooses how long it is.
fn has_space(value: &[u8]) -> bool {
    let (blocks, rest) = value.as_chunks::<32>();
    let in_block = |block: &[u8; 32]| block.iter().fold(false, |found, byte| found | is_space(*byte));
    blocks.iter().any(in_block) || rest.iter().any(|byte| is_space(*byte))
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| is_space(*byte)).filter(|word| !word.is_empty())
}

fn is_one_word(line: &HeaderValue) -> bool {
    line.len() <= MAX_AUTHORIZATION_BYTES && words(line.as_bytes()).nth(1).is_none()
}

/// Python's ASCII white space, of which a header value may hold two.
const fn is_space(byte: u8) -> bool {
    // No `matches!`: it would be a table, and these are two comparisons of a whole block.
    (byte == b' ') | (byte.wrapping_sub(b'\t') < 5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN_MISSING: &str = "Invalid token header. No credentials provided.";
    const TOKEN_SPACES: &str = "Invalid token header. Token string should not contain spaces.";
    const TOKEN_CHARACTERS: &str =
        "Invalid token header. Token string should not contain invalid characters.";
    const BASIC_MISSING: &str = "Invalid basic header. No credentials provided.";
    const BASIC_SPACES: &str = "Invalid basic header. Credentials string should not contain spaces.";
    const BASIC_BASE64: &str = "Invalid basic header. Credentials not correctly base64 encoded.";
    const BASIC_WRONG: &str = "Invalid username/password.";

    /// One row: its name, what is sent, and what is found or how it is refused.
    type Row<'a, S, T> = (&'a str, S, Result<Option<T>, &'a str>);

    fn headers(lines: &[&[u8]]) -> HeaderMap {
        lines.iter().map(|line| (AUTHORIZATION, HeaderValue::from_bytes(line).unwrap())).collect()
    }

    #[test]
    fn a_token_header_is_read_as_drf_reads_it() {
        let many_spaces = format!("Token {} abc", " ".repeat(3000));
        let huge = format!("Token {}", "1".repeat(32_000));
        let rows: &[Row<'_, &[&[u8]], &str>] = &[
            ("absent", &[], Ok(None)),
            ("empty", &[b""], Ok(None)),
            ("only spaces", &[b"  \t "], Ok(None)),
            ("another scheme", &[b"Basic abc"], Ok(None)),
            ("a longer scheme", &[b"Tokens abc"], Ok(None)),
            ("a colon belongs to the scheme", &[b"Token: abc"], Ok(None)),
            ("the bare token", &[b"1111"], Ok(None)),
            ("keyword cut short", &[b"Toke"], Ok(None)),
            ("a non-ASCII keyword", &[b"Tok\xc3\xa9n 111"], Ok(None)),
            ("a Latin-1 no-break space does not separate", &[b"Token\xa0abc"], Ok(None)),
            ("one word", &[b"Token abc"], Ok(Some("abc"))),
            ("lower case", &[b"token abc"], Ok(Some("abc"))),
            ("upper case", &[b"TOKEN abc"], Ok(Some("abc"))),
            ("two spaces", &[b"Token  abc"], Ok(Some("abc"))),
            ("a tab", &[b"Token\tabc"], Ok(Some("abc"))),
            ("spaces around", &[b"  Token abc  "], Ok(Some("abc"))),
            ("many spaces", &[many_spaces.as_bytes()], Ok(Some("abc"))),
            ("keyword alone", &[b"Token"], Err(TOKEN_MISSING)),
            ("keyword and a space", &[b"Token "], Err(TOKEN_MISSING)),
            ("three parts", &[b"Token abc x"], Err(TOKEN_SPACES)),
            ("truncated UTF-8", &[b"Token \xc3"], Err(TOKEN_CHARACTERS)),
            ("UTF-8", &[b"Token zo\xc3\xab"], Ok(Some("zoë"))),
            ("7 KB", &[&huge.as_bytes()[..7168]], Err("Invalid token.")),
            ("32 KB", &[huge.as_bytes()], Err("Invalid token.")),
            ("two lines", &[b"Token abc", b"Token def"], Err(TOKEN_SPACES)),
            ("two equal lines", &[b"Token abc", b"Token abc"], Err(TOKEN_SPACES)),
            ("ours first, theirs second", &[b"Token abc", b"Basic def"], Err(TOKEN_SPACES)),
            ("theirs first, ours second", &[b"Basic def", b"Token abc"], Ok(None)),
            ("a word on the second line", &[b"Token abc", b"def"], Err("Invalid token.")),
            ("an empty second line", &[b"Token abc", b""], Err("Invalid token.")),
            ("an empty first line", &[b"", b"Token abc"], Ok(None)),
            ("keyword alone on its line", &[b"Token", b"abc"], Ok(None)),
            ("keyword and a space on its line", &[b"Token ", b"abc"], Ok(None)),
        ];
        for (name, lines, verdict) in rows {
            let headers = headers(lines);
            let found = token(&headers, "Token");
            assert_eq!(scheme_matches(&headers, "Token"), !matches!(found, Ok(None)), "{name}");
            assert_eq!(
                found.map_err(|error| error.to_string()),
                verdict.map_err(ToOwned::to_owned),
                "{name}"
            );
        }
    }

    #[test]
    fn a_basic_header_is_read_as_drf_reads_it_but_strictly() {
        let encode = |bytes: &[u8]| format!("Basic {}", STANDARD.encode(bytes)).into_bytes();
        let huge = encode(&[b'u'; 20_000]);
        let rows: &[Row<'_, Vec<u8>, (&str, &str)>] = &[
            ("another scheme", b"Token abc".to_vec(), Ok(None)),
            ("a longer scheme", b"Basics abc".to_vec(), Ok(None)),
            ("a name and a password", encode(b"john:secret123"), Ok(Some(("john", "secret123")))),
            ("the first colon separates", encode(b"john:a:b::c"), Ok(Some(("john", "a:b::c")))),
            ("an empty password", encode(b"john:"), Ok(Some(("john", "")))),
            ("an empty name", encode(b":secret123"), Ok(Some(("", "secret123")))),
            ("just a colon", encode(b":"), Ok(Some(("", "")))),
            ("spaces are kept", encode(b" john : s "), Ok(Some((" john ", " s ")))),
            ("UTF-8", encode("john:pässwörd".as_bytes()), Ok(Some(("john", "pässwörd")))),
            ("Latin-1", encode(b"john:p\xe4ssw\xf6rd"), Ok(Some(("john", "pässwörd")))),
            ("no normalisation", encode("zoe\u{308}:x".as_bytes()), Ok(Some(("zoe\u{308}", "x")))),
            ("scheme alone", b"Basic".to_vec(), Err(BASIC_MISSING)),
            ("lower-case scheme alone", b"basic ".to_vec(), Err(BASIC_MISSING)),
            ("three parts", b"Basic am9objpz extra".to_vec(), Err(BASIC_SPACES)),
            ("two schemes in one line", b"Basic x,Token 111".to_vec(), Err(BASIC_SPACES)),
            ("no colon", encode(b"johnsecret123"), Err(BASIC_BASE64)),
            ("garbage", b"Basic !!!!".to_vec(), Err(BASIC_BASE64)),
            ("4n+1 characters", b"Basic abcde".to_vec(), Err(BASIC_BASE64)),
            ("padding missing", b"Basic am9objpzZWNyZXQxMjM".to_vec(), Err(BASIC_BASE64)),
            ("too much padding", b"Basic am9objpzZWNyZXQxMjM====".to_vec(), Err(BASIC_BASE64)),
            ("junk inside", b"Basic am9o*bjpz.ZWNy-ZXQx_MjM=".to_vec(), Err(BASIC_BASE64)),
            ("trailing bits", b"Basic am9objpzZWNyZXQxMh==".to_vec(), Err(BASIC_BASE64)),
            ("only padding", b"Basic ====".to_vec(), Err(BASIC_BASE64)),
            ("not encoded", b"Basic john:secret123".to_vec(), Err(BASIC_BASE64)),
            ("not ASCII", b"Basic \xff\xfe\xfd".to_vec(), Err(BASIC_BASE64)),
            ("too long", huge, Err(BASIC_BASE64)),
            ("NUL in the name", encode(b"jo\0hn:secret123"), Err(BASIC_WRONG)),
            ("NUL behind the password", encode(b"john:secret123\0"), Err(BASIC_WRONG)),
            ("CR LF in the password", encode(b"john:a\r\nb"), Err(BASIC_WRONG)),
            ("ESC in the name", encode(b"\x1b[31mjohn:x"), Err(BASIC_WRONG)),
            ("DEL in the password", encode(b"john:\x7f"), Err(BASIC_WRONG)),
        ];
        for (name, line, verdict) in rows {
            let found = basic(&headers(&[line]));
            let found = found.as_ref().map_err(ToString::to_string).map(|found| {
                found.as_ref().map(|found| (found.username(), found.password().expose_secret().as_str()))
            });
            assert_eq!(found, verdict.map_err(ToOwned::to_owned), "{name}");
        }
    }

    #[test]
    fn two_basic_lines_are_never_credentials() {
        for lines in [
            [b"Basic am9objpz".as_slice(), b"Basic bWFyeTpz"],
            [b"Basic am9objpz", b"Basic am9objpz"],
            [b"Basic am9objpz", b"Token abc"],
            [b"Basic am9objpz", b""],
            [b"Basic", b"am9objpz"],
        ] {
            assert!(!matches!(basic(&headers(&lines)), Ok(Some(_))), "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(lines in proptest::collection::vec("[ -~\t\u{80}-\u{ff}]{0,40}", 0..3)) {
            let lines: Vec<_> = lines.iter().map(String::as_bytes).collect();
            let headers = headers(&lines);
            prop_assert_eq!(token(&headers, "Token").is_ok_and(|found| found.is_none()), !scheme_matches(&headers, "Token"));
            prop_assert_eq!(basic(&headers).is_ok_and(|found| found.is_none()), !scheme_matches(&headers, "Basic"));
        }

        #[test]
        fn credentials_survive_the_header(username in "[^:\\x00-\\x1f\\x7f]{0,20}", password in "[^\\x00-\\x1f\\x7f]{0,20}") {
            let line = format!("bAsIc {}", STANDARD.encode(format!("{username}:{password}")));
            let found = basic(&headers(&[line.as_bytes()])).unwrap().unwrap();
            prop_assert_eq!(found.username(), username);
            prop_assert_eq!(found.password().expose_secret(), &password);
        }
    }
}
