//! The certificates of the authorities that sign the certificates of RDS servers.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html>

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use postgres::settings::setting;

use tools::download::{Download, download, sha256_of};

/// All commercial regions in one file. AWS has other ones for GovCloud and China.
const URL: &str = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem";

/// The file changes when AWS adds a region: take the new SHA-256 after a look at what
/// was added.
const SHA256: &str = "e5bb2084ccf45087bda1c9bffdea0eb15ee67f0b91646106e466714f9de3c7e3";

/// Names a file of the user's own, in PEM format.
const OVERRIDE: &str = "RDS_CA_BUNDLE";

/// The file that `RDS_CA_BUNDLE` names, else the one that AWS publishes, which is
/// downloaded once and kept in `.tools`.
pub(super) fn file(root: &Path) -> Result<PathBuf> {
    if let Some(named) = setting(root, OVERRIDE)? {
        let file = root.join(named);
        check(&file).with_context(|| format!("{OVERRIDE} names no file of certificates"))?;
        return Ok(file);
    }
    published(root, URL, SHA256)
}

fn published(root: &Path, url: &str, sha256: &str) -> Result<PathBuf> {
    let tools = root.join(".tools");
    let kept = tools.join("rds-global-bundle.pem");
    if kept.exists() && sha256_of(&kept)? == sha256 {
        return Ok(kept);
    }
    fs::create_dir_all(&tools).with_context(|| format!("cannot create {}", tools.display()))?;
    let scratch = tempfile::tempdir_in(&tools)?;
    let file = scratch.path().join("download");
    let remedy = format!(
        "name a file with {OVERRIDE}=/path/to/file.pem, in the environment or .env: a copy of \
         that one, or your own authority's certificate"
    );
    match download(url, &file, sha256)? {
        Download::Done => {}
        Download::Unavailable(why) => bail!(
            "the certificates that the function verifies the database server with cannot be \
             downloaded: {why}. Try again where that server can be reached, or {remedy}"
        ),
        Download::Other(found) => bail!(
            "the file at {url} is not the pinned one: its SHA-256 is {found}, expected {sha256}. \
             If AWS has added certificates since, pin the new file in \
             kit/deploy/src/package/ca_bundle.rs; or {remedy}"
        ),
    }
    check(&file)?;
    fs::rename(&file, &kept).with_context(|| format!("cannot write {}", kept.display()))?;
    Ok(kept)
}

fn check(file: &Path) -> Result<()> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let begins = b"-----BEGIN CERTIFICATE-----";
    ensure!(
        text.windows(begins.len()).any(|window| window == begins),
        "{} holds no certificate in PEM format",
        file.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

    fn sha256(contents: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), contents).unwrap();
        sha256_of(file.path()).unwrap()
    }

    /// A project, and the URL of a file with `contents`.
    fn serve(contents: &str) -> (tempfile::TempDir, String) {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("served.pem");
        fs::write(&file, contents).unwrap();
        (root, format!("file://{}", file.display()))
    }

    #[test]
    fn downloads_the_pinned_file_once() {
        let (root, url) = serve(CERTIFICATE);
        let kept = published(root.path(), &url, &sha256(CERTIFICATE)).unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), CERTIFICATE);
        let again = published(root.path(), "file:///nowhere", &sha256(CERTIFICATE)).unwrap();
        assert_eq!(again, kept);
        // One that was changed, or pinned otherwise since, is not taken.
        fs::write(&kept, "other").unwrap();
        published(root.path(), "file:///nowhere", &sha256(CERTIFICATE)).unwrap_err();
    }

    #[rstest]
    #[case::another_file(CERTIFICATE, SHA256, &["not the pinned one", "ca_bundle.rs", "RDS_CA_BUNDLE=/path"])]
    #[case::no_certificate("<html>", &sha256("<html>"), &["holds no certificate"])]
    fn takes_no_other_file(#[case] served: &str, #[case] sha256: &str, #[case] words: &[&str]) {
        let (root, url) = serve(served);
        let error = format!("{:#}", published(root.path(), &url, sha256).unwrap_err());
        for word in words {
            assert!(error.contains(word), "{error}");
        }
        let left = fs::read_dir(root.path().join(".tools")).unwrap();
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn says_what_to_do_where_it_cannot_be_downloaded() {
        let root = tempfile::tempdir().unwrap();
        let error = published(root.path(), "http://127.0.0.1:1/x.pem", SHA256).unwrap_err();
        let error = format!("{error:#}");
        for words in [
            "127.0.0.1:1",
            "RDS_CA_BUNDLE=/path/to/file.pem",
            "your own authority",
        ] {
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn takes_the_file_that_the_user_names() {
        let root = tempfile::tempdir().unwrap();
        let named = |contents: &str| {
            fs::write(root.path().join(".env"), "RDS_CA_BUNDLE=own.pem\n").unwrap();
            fs::write(root.path().join("own.pem"), contents).unwrap();
            file(root.path())
        };
        assert_eq!(named(CERTIFICATE).unwrap(), root.path().join("own.pem"));
        let error = format!("{:#}", named("key").unwrap_err());
        assert!(error.contains("RDS_CA_BUNDLE names no file"), "{error}");
    }
}
