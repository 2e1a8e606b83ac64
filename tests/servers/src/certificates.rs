//! Certificates for servers that take TLS.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// An authority, a certificate of it for 127.0.0.1, and another authority that never signed anything.
#[derive(Debug)]
pub struct Certificates(TempDir);

impl Certificates {
    /// Draws them, by `openssl`.
    ///
    /// # Errors
    ///
    /// When `openssl` is not installed, or refuses.
    pub fn new() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let run = |arguments: &str| openssl(folder.path(), arguments);
        let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        for authority in ["authority", "stranger"] {
            run(&format!(
                "req -x509 {new_key} -keyout {authority}.key -out {authority}.pem -days 2 -subj /CN={authority}"
            ))?;
        }
        std::fs::write(folder.path().join("names"), "subjectAltName=IP:127.0.0.1\n")?;
        run(&format!("req {new_key} -keyout server.key -out server.csr -subj /CN=server"))?;
        let sign = "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial";
        run(&format!("{sign} -out server.pem -days 2 -extfile names"))?;
        Ok(Self(folder))
    }

    /// Returns the folder.
    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// Returns where the authority of the server lies.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.0.path().join("authority.pem")
    }

    /// Returns where the authority of nobody lies.
    #[must_use]
    pub fn stranger(&self) -> PathBuf {
        self.0.path().join("stranger.pem")
    }

    /// Returns where the certificate of the server lies.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.0.path().join("server.pem")
    }

    /// Returns where the private key of the server lies.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.0.path().join("server.key")
    }
}

fn openssl(folder: &Path, arguments: &str) -> io::Result<()> {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}
