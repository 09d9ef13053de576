use std::fmt;

/// The oldest Atlas that is tested here: the newest that the Go module proxy has.
pub const OLDEST_SUPPORTED: Version = Version::new(0, 13, 1);

/// A released version of Atlas; displayed as `v1.2.3`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

/// Who built the binary, which decides what it can do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Edition {
    /// Built from the open source alone; refuses `data "external_schema"`.
    Community,
    /// Anything that does not call itself otherwise. Up to v0.13.1 or so, builds
    /// from the open source say no different and can do the same.
    Official,
}

impl Version {
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// Reads `v1.2.3`; what follows the third number, as in `v0.14.3-a3d6d2c-canary`,
    /// does not count.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix('v')?.splitn(3, '.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        let patch = parts.next()?;
        let digits = patch.trim_start_matches(|char: char| char.is_ascii_digit());
        let patch = patch[..patch.len() - digits.len()].parse().ok()?;
        Some(Self::new(major, minor, patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Reads the first line of `atlas version`: `atlas [EDITION] version vX.Y.Z`. None
/// when it is not that, or has no number (`- development`).
pub(super) fn parse_output(output: &str) -> Option<(Version, Edition)> {
    let words: Vec<&str> = output.lines().next()?.split_whitespace().collect();
    let at = words.iter().position(|&word| word == "version")?;
    if words.first() != Some(&"atlas") {
        return None;
    }
    let edition = if words[1..at].contains(&"community") {
        Edition::Community
    } else {
        Edition::Official
    };
    Some((Version::parse(words.get(at + 1)?)?, edition))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Edition, Version, parse_output};

    #[rstest]
    #[case("atlas version v0.13.1\nhttps://...", (0, 13, 1), Edition::Official)]
    #[case("atlas community version v1.2.3", (1, 2, 3), Edition::Community)]
    #[case("atlas community community version v1.2.3", (1, 2, 3), Edition::Community)]
    #[case("atlas version v0.14.3-a3d6d2c-canary", (0, 14, 3), Edition::Official)]
    fn reads_what_atlas_prints(
        #[case] output: &str,
        #[case] (major, minor, patch): (u32, u32, u32),
        #[case] edition: Edition,
    ) {
        let version = Version::new(major, minor, patch);
        assert_eq!(parse_output(output), Some((version, edition)));
    }

    #[rstest]
    #[case("atlas version - development")]
    #[case("MongoDB Atlas CLI version: 1.2.3")]
    #[case("GNU bash, version 5.2.15(1)-release")]
    #[case("")]
    fn does_not_guess(#[case] output: &str) {
        assert_eq!(parse_output(output), None);
    }
}
