//! Whether an answer is the right one.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, StatusCode};
use portcullis::Digest;
use serde_json::Value;

use super::tally::Failure;

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// A member of the JSON that came with the expected status.
    pub(crate) fn member(&self, status: StatusCode, name: &str) -> Result<String, Failure> {
        self.must_be(status)?;
        let json: Value = serde_json::from_str(&self.body).map_err(|_| self.surprise("not JSON"))?;
        let member = json.get(name).ok_or_else(|| self.surprise("a member is missing"))?;
        Ok(member.as_str().map_or_else(|| member.to_string(), str::to_owned))
    }

    /// The answer must have this status.
    pub(crate) fn must_be(&self, status: StatusCode) -> Result<(), Failure> {
        if self.status == status { Ok(()) } else { Err(self.surprise(&format!("not {status}"))) }
    }

    /// The handler must have met this person, by this scheme, with this body, before and after its pause.
    pub(crate) fn must_name(&self, person: &str, scheme: &str, sent: &str) -> Result<(), Failure> {
        self.must_be(StatusCode::OK)?;
        let json: Value = serde_json::from_str(&self.body).map_err(|_| self.surprise("not JSON"))?;
        let is = |member: &str, wanted: &str| json.get(member).and_then(Value::as_str) == Some(wanted);
        if is("first", person) && is("again", person) && is("scheme", scheme) {
            let whole = is("body", &Digest::of(sent).to_string());
            return if whole { Ok(()) } else { Err(self.surprise("another body")) };
        }
        Err(Failure::Identity(format!("{person} by {scheme} is {}", self.body)))
    }

    /// Nobody may have been let in, and the answer says so with this status; a 401 has a challenge.
    pub(crate) fn must_refuse(&self, status: StatusCode, why: &str) -> Result<(), Failure> {
        if self.status.is_success() {
            return Err(Failure::Identity(format!("let in with {why}: {}", self.body)));
        }
        if status == StatusCode::UNAUTHORIZED && !self.headers.contains_key(WWW_AUTHENTICATE) {
            return Err(self.surprise("no challenge"));
        }
        self.must_be(status)
    }

    /// The list must have one row, the one that asks.
    pub(crate) fn must_list_one(&self) -> Result<(), Failure> {
        match self.rows()?.as_slice() {
            [(_, true)] => Ok(()),
            _ => Err(self.surprise("not the one that asks alone")),
        }
    }

    /// The ids in a list but for the one that asks.
    pub(crate) fn others(&self) -> Result<Vec<String>, Failure> {
        Ok(self.rows()?.into_iter().filter(|(_, current)| !current).map(|(id, _)| id).collect())
    }

    fn rows(&self) -> Result<Vec<(String, bool)>, Failure> {
        self.must_be(StatusCode::OK)?;
        let rows: Vec<Value> = serde_json::from_str(&self.body).map_err(|_| self.surprise("not a list"))?;
        let row = |row: &Value| Some((row.get("id")?.as_str()?.to_owned(), row.get("current")?.as_bool()?));
        rows.iter().map(row).collect::<Option<_>>().ok_or_else(|| self.surprise("another kind of list"))
    }

    fn surprise(&self, what: &str) -> Failure {
        Failure::Error(format!("{what}: {} {}", self.status, self.body))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &Value) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: body.to_string() }
    }

    fn kind(verdict: &Result<(), Failure>) -> &'static str {
        match verdict {
            Ok(()) => "right",
            Err(Failure::Identity(_)) => "identity",
            Err(Failure::Error(_)) => "error",
        }
    }

    #[test]
    fn an_answer_must_name_who_asked() {
        let body = Digest::of("sent").to_string();
        let right = json!({"first": "a", "again": "a", "scheme": "jwt", "body": body});
        let with = |member: &str, value: Value| {
            let mut changed = right.clone();
            changed[member] = value;
            changed
        };
        for (name, status, answered, verdict) in [
            ("who asked", 200, right.clone(), "right"),
            ("somebody else at once", 200, with("first", json!("b")), "identity"),
            ("somebody else after the pause", 200, with("again", json!("b")), "identity"),
            ("nobody after the pause", 200, with("again", Value::Null), "identity"),
            ("another scheme", 200, with("scheme", json!("basic")), "identity"),
            ("another's body", 200, with("body", json!("00")), "error"),
            ("a refusal", 401, right.clone(), "error"),
            ("an outage", 503, right.clone(), "error"),
            ("no JSON object", 200, json!("a"), "identity"),
        ] {
            assert_eq!(kind(&answer(status, &answered).must_name("a", "jwt", "sent")), verdict, "{name}");
        }
    }

    #[test]
    fn who_must_stay_outside_must_stay_outside() {
        for (name, status, wanted, verdict) in [
            ("a refusal", 401, 401, "right"),
            ("a denial", 403, 403, "right"),
            ("let in", 200, 401, "identity"),
            ("let in without words", 204, 401, "identity"),
            ("the wrong refusal", 403, 401, "error"),
            ("an outage", 503, 401, "error"),
        ] {
            let verdict_here =
                answer(status, &json!({})).must_refuse(StatusCode::from_u16(wanted).unwrap(), name);
            assert_eq!(kind(&verdict_here), verdict, "{name}");
        }
        let bare = Answer { headers: HeaderMap::new(), ..answer(401, &json!({})) };
        assert_eq!(kind(&bare.must_refuse(StatusCode::UNAUTHORIZED, "nothing")), "error", "no challenge");
    }
}
