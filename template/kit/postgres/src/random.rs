//! Random hexadecimal digits, good enough for a password.

use std::{fs::File, io::Read as _};

use anyhow::{Context as _, Result};

/// `BYTES` random bytes from the kernel, as twice as many digits.
pub(crate) fn hex<const BYTES: usize>() -> Result<String> {
    let mut bytes = [0; BYTES];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("could not read /dev/urandom")?;
    Ok(hex::encode(bytes))
}
