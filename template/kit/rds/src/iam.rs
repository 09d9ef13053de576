//! Tokens for IAM authentication at RDS: pre-signed URLs without their scheme.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html>

use std::time::{Duration, SystemTime};

use anyhow::Result;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest that RDS accepts. A connection outlives its token.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Signs a token for `user` at `address`, which is `host:port`.
///
/// # Errors
/// When the address cannot be part of a URL.
pub fn token(
    address: &str,
    user: &str,
    region: &str,
    credentials: &Credentials,
    time: SystemTime,
) -> Result<String> {
    let user = utf8_percent_encode(user, RESERVED);
    let mut url = format!("https://{address}/?Action=connect&DBUser={user}");

    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let identity = credentials.clone().into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(time)
        .settings(settings)
        .build()?;
    let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::empty())?;
    let (instructions, _) = sign(request, &parameters.into())?.into_parts();
    for (name, value) in instructions.params() {
        let value = utf8_percent_encode(value, RESERVED);
        url.push_str(&format!("&{name}={value}"));
    }
    Ok(url.split_off("https://".len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected token is that of `generate_db_auth_token` in botocore 1.44.5 for the
    /// same input, except for the order of the last two parameters.
    #[test]
    fn signs_like_botocore() {
        let credentials =
            Credentials::new("AKIDEXAMPLE", "secret", Some("tok/en+=".into()), None, "");
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        let address = "db.c1.eu-west-1.rds.amazonaws.com:5432";
        let token = token(address, "mi grator", "eu-west-1", &credentials, time).unwrap();
        assert_eq!(
            token,
            "db.c1.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=mi%20grator\
             &X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Feu-west-1%2Frds-db%2Faws4_request\
             &X-Amz-Date=20260101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=d535a46ac2b58b18d31e2789f4ec9e396d6d862c6cb78a1b319b53dfe9ba4f01\
             &X-Amz-Security-Token=tok%2Fen%2B%3D"
        );
    }
}
