//! What a view says about itself when asked with OPTIONS: DRF's `SimpleMetadata`.

use serde_json::{Map, Value, json};

/// Describes a view without a serializer.
#[must_use]
pub fn describe(name: &str, description: &str) -> Value {
    json!({
        "name": name,
        "description": description,
        "renders": ["application/json"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    })
}

/// Describes a view of books; the action (`POST` or `PUT`) only to those who may take it.
#[must_use]
pub fn describe_books(name: &str, action: Option<&str>) -> Value {
    let mut description = describe(name, "");
    if let (Value::Object(members), Some(action)) = (&mut description, action) {
        members.insert("actions".to_owned(), Value::Object(Map::from_iter([(action.to_owned(), fields())])));
    }
    description
}

fn fields() -> Value {
    json!({
        "id": { "type": "integer", "required": false, "read_only": true, "label": "ID" },
        "title": { "type": "string", "required": true, "read_only": false, "label": "Title", "max_length": 200 },
        "owner": { "type": "field", "required": false, "read_only": true, "label": "Owner" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_told_to_those_who_may_take_them() {
        assert_eq!(describe_books("Book List", None).get("actions"), None);
        let writable = describe_books("Book Instance", Some("PUT"));
        assert_eq!(writable["actions"]["PUT"]["title"]["max_length"], 200);
        assert_eq!(writable["name"], "Book Instance");
    }
}
