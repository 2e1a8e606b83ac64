//! Files of keys: what signs, what verifies, who may read them.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use portcullis::jwt::Key;
use portcullis::store::MemoryStore;
use portcullis::{Account, Jwt, KeyRing};
use tempfile::TempDir;

use crate::harness::Shell;

const ALGORITHMS: [&str; 12] = [
    "EdDSA", "ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "HS256", "HS384",
    "HS512",
];

fn shell(directory: &TempDir) -> Shell<'_> {
    // No key needs a store.
    Shell::new(directory.path(), "")
}

fn ring(file: &Path) -> KeyRing {
    KeyRing::new(Key::from_key_file(&fs::read_to_string(file).unwrap()).unwrap()).unwrap()
}

async fn issue(ring: &KeyRing) -> String {
    let jwt: Jwt = Jwt::new(ring.clone(), MemoryStore::new()).unwrap();
    jwt.issue(&Account::new(1, "mary")).await.unwrap().access().expose_secret().clone()
}

async fn verifies(ring: &KeyRing, token: &str) -> bool {
    let jwt: Jwt = Jwt::new(ring.clone(), MemoryStore::new()).unwrap();
    jwt.verify(token).await.is_ok()
}

fn first_of_its_kind(algorithm: &str) -> bool {
    !algorithm.starts_with("PS") && !matches!(algorithm, "RS384" | "RS512")
}

#[tokio::test]
async fn a_rotated_file_verifies_what_the_old_key_signed_until_it_retires() {
    let directory = TempDir::new().unwrap();
    let shell = shell(&directory);
    for algorithm in ALGORITHMS {
        let (name, run) = (format!("{algorithm}.json"), |line: String| shell.run(&line, ""));
        let file = directory.path().join(&name);
        let made = run(format!("key generate --algorithm {algorithm} --file {name}"));
        assert_eq!(made.code, 0, "{made:?}");
        let first = ring(&file);
        let before = issue(&first).await;
        assert!(verifies(&first, &before).await, "{algorithm}");
        let public = KeyRing::from_jwks(&fs::read_to_string(&file).unwrap());
        assert!(public.is_err(), "{algorithm}: the file is no document for others");

        // RSA takes seconds to draw, and one of them shows it.
        let next = if first_of_its_kind(algorithm) { "" } else { "--algorithm EdDSA" };
        assert_eq!(run(format!("key rotate --file {name} {next}")).code, 0, "{algorithm}");
        let second = ring(&file);
        let after = issue(&second).await;
        assert!(verifies(&second, &before).await && verifies(&second, &after).await, "{algorithm}");
        assert!(!verifies(&first, &after).await, "{algorithm}: the new key signs");

        // The key that signed until now has leaked; the one before it keeps its date.
        assert_eq!(
            run(format!("key rotate --file {name} --retire-after 0s --algorithm EdDSA")).code,
            0,
            "{algorithm}"
        );
        let third = ring(&file);
        assert!(!verifies(&third, &before).await && !verifies(&third, &after).await, "{algorithm}");
        assert_eq!(run(format!("key list --file {name} --json")).json()["keys"].as_array().unwrap().len(), 1);
        assert!(verifies(&third, &issue(&third).await).await, "{algorithm}");
    }
}

#[tokio::test]
async fn a_key_may_take_another_algorithm() {
    let directory = TempDir::new().unwrap();
    let (shell, file) = (shell(&directory), directory.path().join("keys.json"));
    fs::write(&file, shell.run("key generate --algorithm hs256", "").stdout).unwrap();
    let before = issue(&ring(&file)).await;
    assert_eq!(shell.run("key rotate --file keys.json --algorithm ES256", "").code, 0);
    assert!(verifies(&ring(&file), &before).await);
    let list = shell.run("key list --file keys.json --json", "").json();
    let column =
        |name: &str| list["keys"].as_array().unwrap().iter().map(|key| key[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("algorithm"), ["HS256", "ES256"]);
    assert_eq!(column("state"), ["verifies", "signs"]);
    assert!(column("retires_at")[0].is_string() && column("retires_at")[1].is_null());
}

#[test]
fn a_file_is_refused_without_harm() {
    let directory = TempDir::new().unwrap();
    let shell = shell(&directory);
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    assert_eq!(shell.run("key generate --file keys.json", "").code, 0);
    let keys = fs::read_to_string(directory.path().join("keys.json")).unwrap();
    write("others.json", &keys.replace("\"pem\"", "\"mep\""));
    write("letter.json", "Dear Mary");
    write("busy.json", &keys);
    write("busy.json.new", "");
    for (line, part) in [
        ("key generate --file keys.json", "is not overwritten: `portcullis key rotate --file keys.json`"),
        ("key generate --file no/such/directory.json", "cannot be made"),
        ("key rotate --file missing.json", "cannot be read"),
        ("key list --file missing.json", "cannot be read"),
        ("key rotate --file letter.json", "no file of keys"),
        ("key list --file letter.json", "no file of keys"),
        ("key rotate --file others.json", "no key of the file signs"),
        ("key rotate --file busy.json", "another rotation is under way"),
    ] {
        let ran = shell.run(line, "");
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{line}: {ran:?}");
        assert!(ran.stderr.contains(part), "{line}: {ran:?}");
        assert!(!ran.stderr.contains("PRIVATE KEY"), "{line}: {ran:?}");
    }
    for name in ["keys.json", "busy.json"] {
        assert_eq!(fs::read_to_string(directory.path().join(name)).unwrap(), keys, "{name} is as it was");
    }
    for name in ["letter.json.new", "others.json.new", "missing.json.new", "keys.json.new"] {
        assert!(!directory.path().join(name).exists(), "{name} is left");
    }
}

#[test]
fn a_secret_stands_in_its_file_alone() {
    let directory = TempDir::new().unwrap();
    let shell = shell(&directory);
    let mut printed = Vec::new();
    for line in [
        "key generate --algorithm HS256 --file keys.json",
        "key list --file keys.json",
        "key list --file keys.json --json",
        "key rotate --file keys.json --json",
        "key rotate --file keys.json --algorithm EdDSA",
        "key list --file keys.json",
    ] {
        let ran = shell.run(line, "");
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
        printed.extend([ran.stdout, ran.stderr]);
    }
    let keys: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.path().join("keys.json")).unwrap()).unwrap();
    let secrets: Vec<&str> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|key| key.get("k").or(key.get("pem")).and_then(|secret| secret.as_str()))
        .collect();
    assert_eq!(secrets.len(), 3);
    for secret in secrets {
        let core = secret.trim_start_matches("-----BEGIN PRIVATE KEY-----\n").get(..40).unwrap();
        assert!(printed.iter().all(|text| !text.contains(core) && !text.contains("PRIVATE")), "{printed:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_is_its_owners_alone() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

    let directory = TempDir::new().unwrap();
    let (shell, file) = (shell(&directory), directory.path().join("keys.json"));
    let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(shell.run("key generate --file keys.json", "").code, 0);
    assert_eq!(mode(), 0o600);
    for (before, after) in [(0o600, 0o600), (0o640, 0o640), (0o644, 0o640), (0o666, 0o640)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(before)).unwrap();
        assert_eq!(shell.run("key rotate --file keys.json", "").code, 0);
        assert_eq!(mode(), after, "{before:o}");
    }
    // Who may not give it away has nothing to keep.
    let owner = || fs::metadata(&file).map(|file| (file.uid(), file.gid())).unwrap();
    let _ = chown(&file, Some(12_345), Some(54_321));
    let before = owner();
    assert_eq!(shell.run("key rotate --file keys.json", "").code, 0);
    assert_eq!(owner(), before, "the application reads it on");
    symlink("keys.json", directory.path().join("link.json")).unwrap();
    assert_eq!(shell.run("key rotate --file link.json", "").code, 0);
    assert!(directory.path().join("link.json").is_symlink(), "the link stays one");
    assert_eq!(ring(&file).jwks(portcullis::Timestamp::EPOCH).matches("\"kid\"").count(), 7);
}
