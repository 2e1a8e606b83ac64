//! Templates: `{{name}}` inserts a variable, `{{function:text}}` and `{{function:$name}}` a transformed one.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::Problem;

/// What earlier steps captured and forged.
pub(super) type Variables = BTreeMap<String, String>;

/// Fills every template in a text.
///
/// # Errors
///
/// When a variable is unknown or a function does not take its argument.
pub(super) fn fill(text: &str, variables: &Variables) -> Result<String, Problem> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, inside, after)) = next_template(rest) {
        filled.push_str(before);
        filled.push_str(&evaluate(inside, variables)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Fills every string of a structure, names of members included.
///
/// # Errors
///
/// As [`fill`].
pub(super) fn fill_value(value: &Value, variables: &Variables) -> Result<Value, Problem> {
    Ok(match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| Ok((fill(name, variables)?, fill_value(value, variables)?)))
                .collect::<Result<_, Problem>>()?,
        ),
        Value::Array(items) => Value::Array(
            items.iter().map(|item| fill_value(item, variables)).collect::<Result<_, Problem>>()?,
        ),
        Value::String(text) => Value::String(fill(text, variables)?),
        other => other.clone(),
    })
}

/// The bytes of a header value or of a body: text, `{"hex": …}` or `{"latin1": …}`.
///
/// # Errors
///
/// As [`fill`], and when the value is none of the three.
pub(super) fn fill_bytes(value: &Value, variables: &Variables) -> Result<Vec<u8>, Problem> {
    let member = |name| value.get(name).and_then(Value::as_str);
    if let Some(text) = value.as_str() {
        Ok(fill(text, variables)?.into_bytes())
    } else if let Some(hex) = member("hex") {
        unhex(hex)
    } else if let Some(text) = member("latin1") {
        latin1(&fill(text, variables)?)
    } else {
        Err(Problem::new(format!("not a header value: {value}")))
    }
}

/// Splits at the first `{{…}}`, which holds at least one character.
fn next_template(text: &str) -> Option<(&str, &str, &str)> {
    let (before, opened) = text.split_once("{{")?;
    let first = opened.chars().next()?.len_utf8();
    let end = first + opened.get(first..)?.find("}}")?;
    Some((before, opened.get(..end)?, opened.get(end + 2..)?))
}

fn evaluate(inside: &str, variables: &Variables) -> Result<String, Problem> {
    let lookup = |name: &str| {
        variables.get(name).cloned().ok_or_else(|| Problem::new(format!("no variable named {name}")))
    };
    if let Some((name, argument)) = inside.split_once(':')
        && let Some(function) = function(name)
    {
        let argument = argument.strip_prefix('$').map_or_else(|| Ok(argument.to_owned()), lookup)?;
        return function(&argument);
    }
    lookup(inside)
}

type Function = fn(&str) -> Result<String, Problem>;

fn function(name: &str) -> Option<Function> {
    Some(match name {
        "b64" => |text| Ok(STANDARD.encode(text)),
        "b64latin1" => |text| Ok(STANDARD.encode(latin1(text)?)),
        "upper" => |text| Ok(text.to_uppercase()),
        "swapcase" => |text| Ok(text.chars().map(swap_case).collect()),
        "head" => |text| Ok(without_last(text)?.0.to_owned()),
        "double" => |text| Ok(text.repeat(2)),
        "repeat" => repeat,
        "bump" => bump,
        "jwt_payload_swap" => |text| Ok(swap_payload(text)),
        _ => return None,
    })
}

fn without_last(text: &str) -> Result<(&str, char), Problem> {
    let mut characters = text.chars();
    let last = characters.next_back().ok_or_else(|| Problem::new("the text is empty"))?;
    Ok((characters.as_str(), last))
}

fn swap_case(character: char) -> char {
    if character.is_ascii_uppercase() {
        character.to_ascii_lowercase()
    } else {
        character.to_ascii_uppercase()
    }
}

fn repeat(text: &str) -> Result<String, Problem> {
    let (count, text) = text.split_once('*').ok_or_else(|| Problem::new("repeat wants COUNT*TEXT"))?;
    Ok(text.repeat(count.parse().map_err(|_| Problem::new(format!("not a count: {count}")))?))
}

fn bump(text: &str) -> Result<String, Problem> {
    let (head, last) = without_last(text)?;
    Ok(format!("{head}{}", if last == 'A' { 'B' } else { 'A' }))
}

fn swap_payload(token: &str) -> String {
    let stolen = URL_SAFE_NO_PAD.encode(r#"{"user_id":"4"}"#);
    let parts = token.split('.').enumerate();
    parts.map(|(index, part)| if index == 1 { &stolen } else { part }).collect::<Vec<_>>().join(".")
}

fn latin1(text: &str) -> Result<Vec<u8>, Problem> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).map_err(|_| Problem::new(format!("{c:?} is not in Latin-1"))))
        .collect()
}

fn unhex(hex: &str) -> Result<Vec<u8>, Problem> {
    let wrong = || Problem::new(format!("not hexadecimal: {hex}"));
    let digits: Vec<u8> = hex
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(wrong))
        .collect::<Result<_, _>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if rest.is_empty() { Ok(pairs.iter().map(|[high, low]| high * 16 + low).collect()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        [("token", "abC"), ("jwt", "h.p.s"), ("host", "127.0.0.1:80")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn templates_are_filled() {
        let rows = [
            ("plain text", "plain text"),
            ("Token {{token}}!", "Token abC!"),
            ("http://{{host}}/", "http://127.0.0.1:80/"),
            ("{{b64:john:secret123}}", "am9objpzZWNyZXQxMjM="),
            ("{{b64:$token}}", "YWJD"),
            ("{{b64latin1:ë}}", "6w=="),
            ("{{upper:$token}}", "ABC"),
            ("{{swapcase:$token}}", "ABc"),
            ("{{head:$token}}", "ab"),
            ("{{double:$token}}", "abCabC"),
            ("{{repeat:3*x*}}", "x*x*x*"),
            ("{{bump:xA}}{{bump:xB}}", "xBxA"),
            ("{{jwt_payload_swap:$jwt}}", "h.eyJ1c2VyX2lkIjoiNCJ9.s"),
            ("{{unclosed", "{{unclosed"),
            ("{{}}", "{{}}"),
        ];
        for (template, wanted) in rows {
            assert_eq!(fill(template, &variables()).unwrap(), wanted, "{template}");
        }
    }

    #[test]
    fn a_template_that_cannot_be_filled_is_a_problem() {
        for template in ["{{nobody}}", "{{upper:$nobody}}", "{{b64latin1:✓}}", "{{repeat:x*y}}", "{{head:$}}"]
        {
            assert!(fill(template, &variables()).is_err(), "{template}");
        }
    }

    #[test]
    fn structures_are_filled_to_the_last_leaf() {
        let value = json!({"{{token}}": [1, null, {"a": "{{token}}"}]});
        assert_eq!(fill_value(&value, &variables()).unwrap(), json!({"abC": [1, null, {"a": "abC"}]}));
    }

    #[test]
    fn header_values_may_be_any_bytes() {
        let rows = [
            (json!("é{{token}}"), Some("éabC".as_bytes().to_vec())),
            (json!({"hex": "00ff 0a"}), Some(vec![0, 255, 10])),
            (json!({"latin1": "é"}), Some(vec![0xE9])),
            (json!({"hex": "0"}), None),
            (json!({"hex": "zz"}), None),
            (json!(7), None),
        ];
        for (value, wanted) in rows {
            assert_eq!(fill_bytes(&value, &variables()).ok(), wanted, "{value}");
        }
    }
}
