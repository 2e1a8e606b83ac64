//! The recorded cases as data: `tests/data/drf/cases/README.md` describes the format.
//!
//! Unknown members are errors, so a new feature of the format cannot be skipped in silence.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::Problem;

/// One file of cases.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// The file's name without its extension; the first half of every case's full name.
    #[serde(rename = "area")]
    pub name: String,
    /// What the cases are about.
    pub about: String,
    /// The cases, in order.
    pub cases: Vec<Case>,
}

/// One conversation with the server, begun from the seeded state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The case's name within its area.
    pub id: String,
    /// What the case shows.
    pub about: String,
    /// Marks such as `parser-message`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether the server is put back to its seeded state first.
    #[serde(default = "yes")]
    pub reset: bool,
    /// The requests, in order.
    pub steps: Vec<Step>,
}

/// One request and the answer it must get.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Tokens to make before sending, by variable name.
    #[serde(default)]
    pub forge: BTreeMap<String, Value>,
    /// What is sent.
    pub request: Request,
    /// What must come back.
    pub expect: Expect,
    /// Values to keep for later steps: variable name to rule.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
}

/// What a step sends.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method, exactly as it goes out.
    pub method: String,
    /// The request target.
    pub path: String,
    /// Header fields in order, duplicates allowed; a value may be `{"hex": …}` or `{"latin1": …}`.
    #[serde(default)]
    pub headers: Vec<(String, Value)>,
    /// A JSON body, `null` included.
    #[serde(default, deserialize_with = "present")]
    pub json: Option<Value>,
    /// A form body.
    pub form: Option<Vec<(String, String)>>,
    /// A body as it is.
    pub body: Option<Value>,
    /// The body's content type, where it is not the obvious one.
    pub content_type: Option<String>,
}

/// What a step wants back; what is absent here must be absent in the answer, `Allow` and the body aside.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status.
    pub status: u16,
    /// Statuses that end the comparison with success.
    #[serde(default)]
    pub or_status: Vec<u16>,
    /// When not empty: the status is one of these, and nothing else is compared.
    #[serde(default)]
    pub only_status: Vec<u16>,
    /// The whole `WWW-Authenticate`.
    #[serde(rename = "WWW-Authenticate")]
    pub www_authenticate: Option<Value>,
    /// The methods of `Allow`, as a set.
    #[serde(rename = "Allow")]
    pub allow: Option<String>,
    /// The whole `Retry-After`.
    #[serde(rename = "Retry-After")]
    pub retry_after: Option<Value>,
    /// Every `Set-Cookie`.
    #[serde(default)]
    pub cookies: Vec<Map<String, Value>>,
    /// The exact JSON body, `null` included.
    #[serde(default, deserialize_with = "present")]
    pub json: Option<Value>,
    /// Whether there must be no body.
    #[serde(default)]
    pub empty: bool,
}

impl Expect {
    /// Wants one of these statuses and looks at nothing else.
    #[must_use]
    pub fn one_of(statuses: &[u16]) -> Self {
        let status = statuses.first().copied().unwrap_or_default();
        Self { status, only_status: statuses.to_vec(), ..Self::default() }
    }
}

fn yes() -> bool {
    true
}

/// Tells a member that is `null` from one that is not there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The directory with the recorded cases and the wilful differences.
#[must_use]
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/drf")
}

/// Reads every recorded area, by name.
///
/// # Errors
///
/// When a file cannot be read or does not have the format.
pub fn read_areas() -> Result<Vec<Area>, Problem> {
    let mut files: Vec<PathBuf> = fs::read_dir(data().join("cases"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files.iter().map(|file| read_area(file)).collect()
}

fn read_area(file: &Path) -> Result<Area, Problem> {
    let area: Area = serde_json::from_slice(&fs::read(file)?)
        .map_err(|error| Problem::new(format!("{}: {error}", file.display())))?;
    if file.file_stem().and_then(|stem| stem.to_str()) == Some(&area.name) {
        Ok(area)
    } else {
        Err(Problem::new(format!("{} holds the area {}", file.display(), area.name)))
    }
}
