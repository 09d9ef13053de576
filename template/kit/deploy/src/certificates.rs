//! Certificates of the authorities that database servers are verified against: the file
//! kit/rds/rds-ca.pem, or the user's own.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html>

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use migrations::report::count;
use postgres::settings::setting;
use regex_lite::Regex;

const FILE: &str = "kit/rds/rds-ca.pem";

/// All commercial regions in one file. GovCloud and China have others.
const PUBLISHED: &str = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem";

/// Setting that names the user's own PEM file.
const OVERRIDE: &str = "RDS_CA_BUNDLE";

/// Path of the certificates to pack.
///
/// # Errors
/// When `RDS_CA_BUNDLE` names a file without certificates.
pub(crate) fn file(root: &Path) -> Result<PathBuf> {
    let Some(named) = setting(root, OVERRIDE)? else {
        return Ok(root.join(FILE));
    };
    let file = root.join(named);
    read(&file).with_context(|| format!("{OVERRIDE} names no file of certificates"))?;
    Ok(file)
}

/// Checks that the kit's file has the certificates of a region, unless the user named
/// another file.
///
/// # Errors
/// When it has none: the function could not connect to a database there.
pub(crate) fn check_region(root: &Path, region: &str) -> Result<()> {
    if setting(root, OVERRIDE)?.is_some() {
        return Ok(());
    }
    let prefix = format!("Amazon RDS {region} ");
    ensure!(
        read(&root.join(FILE))?.values().any(|name| name.starts_with(&prefix)),
        "{FILE} has no certificate for {region}, so the function could not verify a database \
         there. Download https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem \
         and name it in .env: {OVERRIDE}=/path/to/file.pem"
    );
    Ok(())
}

/// Compares the kit's file with what AWS publishes now.
///
/// # Errors
/// When AWS' file cannot be downloaded, or they differ.
pub(crate) fn verify(root: &Path) -> Result<()> {
    println!("  downloading {PUBLISHED}");
    let directory = tempfile::tempdir()?;
    let published = directory.path().join("published.pem");
    let mut curl = Command::new("curl");
    curl.args(["--fail", "--location", "--silent", "--show-error"])
        .args(["--connect-timeout", "20", "--max-time", "120", "--output"])
        .arg(&published)
        .arg(PUBLISHED);
    process::output(&mut curl).context("cannot compare with the certificates of AWS")?;
    let same = compare(&read(&root.join(FILE))?, &read(&published)?)?;
    println!("✓ {FILE} has what AWS publishes: {}", count(same, "certificate"));
    Ok(())
}

/// The number of certificates that both have. Those of RDS Proxy are not in AWS' file.
fn compare(kept: &Certificates, published: &Certificates) -> Result<usize> {
    let only = |a: &Certificates, b: &Certificates, mark: char| -> String {
        let mut names: Vec<_> = a
            .iter()
            .filter(|(der, name)| !b.contains_key(*der) && name.starts_with("Amazon RDS "))
            .map(|(_, name)| format!("\n  {mark} {name}"))
            .collect();
        names.sort();
        names.concat()
    };
    let difference = only(published, kept, '+') + &only(kept, published, '-');
    ensure!(
        difference.is_empty(),
        "AWS publishes other certificates than {FILE} has:{difference}\nUntil the kit \
         is updated, name a copy of that file in .env: {OVERRIDE}=/path/to/file.pem"
    );
    Ok(kept.keys().filter(|der| published.contains_key(*der)).count())
}

/// Certificates in DER, each with the name of its authority.
type Certificates = BTreeMap<Vec<u8>, String>;

fn read(file: &Path) -> Result<Certificates> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let text = String::from_utf8_lossy(&text);
    let block =
        Regex::new("-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\\s]+)-----END CERTIFICATE-----")?;
    // X.509 keeps the name as plain text.
    let name = Regex::new("Amazon RDS [A-Za-z0-9 -]+ G[0-9]|Amazon RDS [A-Za-z0-9 -]+ CA")?;
    let mut certificates = Certificates::new();
    for captures in block.captures_iter(&text) {
        let base64: String = captures[1].split_whitespace().collect();
        let der = STANDARD
            .decode(base64)
            .with_context(|| format!("{} has a damaged certificate", file.display()))?;
        let printable = String::from_utf8_lossy(&der);
        let name = name.find(&printable).map(|found| found.as_str().to_owned());
        certificates.insert(der, name.unwrap_or_default());
    }
    ensure!(!certificates.is_empty(), "{} holds no certificate in PEM format", file.display());
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kit() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn pem(name: &str) -> String {
        let body = STANDARD.encode(format!("\u{1}{name}\u{2}"));
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    /// Certificates with these names.
    fn certificates(names: &[&str]) -> Certificates {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text: String = names.iter().map(|name| pem(name)).collect();
        fs::write(file.path(), text).unwrap();
        read(file.path()).unwrap()
    }

    #[test]
    fn takes_the_file_that_the_user_names() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(file(root.path()).unwrap(), root.path().join(FILE));
        let named = |contents: &str| {
            fs::write(root.path().join(".env"), "RDS_CA_BUNDLE=own.pem\n").unwrap();
            fs::write(root.path().join("own.pem"), contents).unwrap();
            check_region(root.path(), "mars-1").unwrap();
            file(root.path())
        };
        assert_eq!(named(&pem("a")).unwrap(), root.path().join("own.pem"));
        let error = format!("{:#}", named("key").unwrap_err());
        assert!(error.contains("RDS_CA_BUNDLE names no file"), "{error}");
    }

    #[test]
    fn knows_the_regions_of_the_kit() {
        check_region(&kit(), "eu-central-1").unwrap();
        let error = check_region(&kit(), "mars-1").unwrap_err().to_string();
        for words in ["no certificate for mars-1", "mars-1-bundle.pem", "RDS_CA_BUNDLE="] {
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn compares_with_what_is_published() {
        let ours = ["Amazon RDS a Root CA RSA2048 G1", "Amazon Root CA 1"];
        let kept = certificates(&ours);
        assert_eq!(compare(&kept, &certificates(&ours[..1])).unwrap(), 1);
        let published = certificates(&["Amazon RDS b Root CA RSA2048 G1"]);
        let error = compare(&kept, &published).unwrap_err().to_string();
        for line in
            ["\n  + Amazon RDS b Root CA RSA2048 G1", "\n  - Amazon RDS a Root CA RSA2048 G1"]
        {
            assert!(error.contains(line), "{error}");
        }
        assert!(!error.contains("Amazon Root CA 1"), "{error}");
    }
}
