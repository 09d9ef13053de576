//! kit/rds/rds-ca.pem, the authorities that the function verifies database servers against.

use chrono::NaiveDate;
use x509_parser::pem::Pem;

const FILE: &str = include_str!("../../../rds/rds-ca.pem");

/// The date in the file's heading after which none of its certificates had expired.
fn stated_date() -> NaiveDate {
    let (_, rest) = FILE.split_once("had expired on ").unwrap();
    NaiveDate::parse_from_str(&rest[..10], "%Y-%m-%d").unwrap()
}

#[test]
fn every_certificate_is_a_valid_authority() {
    let now = stated_date().and_hms_opt(0, 0, 0).unwrap().and_utc();
    let (mut rds, mut proxy) = (0, 0);
    let heading: Vec<&str> = FILE.lines().filter(|line| line.starts_with('#')).collect();
    for pem in Pem::iter_from_buffer(FILE.as_bytes()) {
        let pem = pem.unwrap();
        let certificate = pem.parse_x509().unwrap();
        let name = certificate.subject().to_string();
        assert!(certificate.is_ca(), "{name}");
        let validity = certificate.validity();
        assert!(validity.not_before.timestamp() < now.timestamp(), "{name}");
        assert!(validity.not_after.timestamp() > now.timestamp(), "{name}");
        match name.contains("Amazon RDS ") {
            true => {
                rds += 1;
                let (_, region) = name.split_once("Amazon RDS ").unwrap();
                let region = region.split(' ').next().unwrap();
                // RDS' own, beta and preview, have no region.
                let is_known = heading.iter().any(|line| line.split(' ').any(|it| it == region));
                assert!(is_known || !region.ends_with(char::is_numeric), "{name}");
            }
            false => proxy += 1,
        }
    }
    assert_eq!(rds + proxy, FILE.matches("BEGIN CERTIFICATE").count());
    // As the heading says.
    assert!(FILE.contains(&format!("Aurora ({rds}, three for each")), "{rds}");
    assert!(FILE.contains(&format!("Proxy ({proxy}, Amazon Trust Services)")), "{proxy}");
}
