//! The one field that a client may write: DRF's `CharField(max_length=200)`.
//!
//! 1. Strings and numbers are texts; booleans, lists and objects are not. White space around is trimmed.
//! 2. Blankness is tested after trimming and before everything else; then length, NUL and surrogates, all of which are
//!    reported together.
//! 3. A PUT or POST needs the field, a PATCH does not.

use serde_json::Value;

const MAX_CHARACTERS: usize = 200;

/// Reads a title as DRF's serializer does; `Ok(None)` when a partial update leaves it as it is.
///
/// # Errors
///
/// The messages for the field, in DRF's words.
pub fn read_title(sent: Option<&Value>, partial: bool) -> Result<Option<String>, Vec<&'static str>> {
    let text = match sent {
        None if partial => return Ok(None),
        None => return Err(vec!["This field is required."]),
        Some(Value::Null) => return Err(vec!["This field may not be null."]),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => return Err(vec!["Not a valid string."]),
    };
    let title = text.trim_matches(is_python_space);
    if title.is_empty() {
        return Err(vec!["This field may not be blank."]);
    }
    let mut wrong = Vec::new();
    if title.chars().count() > MAX_CHARACTERS {
        wrong.push("Ensure this field has no more than 200 characters.");
    }
    if title.contains('\0') {
        wrong.push("Null characters are not allowed.");
    }
    if wrong.is_empty() { Ok(Some(title.to_owned())) } else { Err(wrong) }
}

/// What Python's `str.strip` removes: Unicode's white space and the four information separators.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_title_is_read_as_drf_reads_it() {
        let longest = "é".repeat(200);
        for (sent, read) in [
            (json!("New"), Ok("New")),
            (json!("  New \u{a0}\u{1f}"), Ok("New")),
            (json!(12), Ok("12")),
            (json!(1.5), Ok("1.5")),
            (json!(longest), Ok(longest.as_str())),
            (json!(null), Err(vec!["This field may not be null."])),
            (json!(""), Err(vec!["This field may not be blank."])),
            (json!(" \t "), Err(vec!["This field may not be blank."])),
            (json!(true), Err(vec!["Not a valid string."])),
            (json!([]), Err(vec!["Not a valid string."])),
            (json!({"a": 1}), Err(vec!["Not a valid string."])),
            (json!("x".repeat(201)), Err(vec!["Ensure this field has no more than 200 characters."])),
            (json!("a\0b"), Err(vec!["Null characters are not allowed."])),
            (
                json!("\0".repeat(201)),
                Err(vec![
                    "Ensure this field has no more than 200 characters.",
                    "Null characters are not allowed.",
                ]),
            ),
        ] {
            let read = read.map(|title| Some(title.to_owned()));
            assert_eq!(read_title(Some(&sent), false), read, "{sent:.40}");
            assert_eq!(read_title(Some(&sent), true), read, "{sent:.40}");
        }
        assert_eq!(read_title(None, false), Err(vec!["This field is required."]));
        assert_eq!(read_title(None, true), Ok(None));
    }
}
