use std::fmt;

/// The oldest Atlas that is tested here. It is the newest in the Go module proxy.
pub const OLDEST_SUPPORTED: Version = Version::new(0, 13, 1);

/// A released version of Atlas; displayed as `v1.2.3`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

/// Edition of the binary, which determines its features.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Edition {
    /// Built from the open source alone; refuses `data "external_schema"`.
    Community,
    /// Any other. Up to about v0.13.1, builds from the open source do not name their
    /// edition, and have the same features.
    Official,
}

impl Version {
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Parses `v1.2.3`; ignores a suffix, as in `v0.14.3-a3d6d2c-canary`.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.strip_prefix('v')?.splitn(3, '.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        let patch = numbers.next()?.split(|char: char| !char.is_ascii_digit()).next()?;
        let patch = patch.parse().ok()?;
        Some(Self::new(major, minor, patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Parses the output of `atlas version`: `atlas [EDITION] version vX.Y.Z`. `None` for the
/// output of another program, and for builds without a number (`- development`).
pub(crate) fn parse_output(output: &str) -> Option<(Version, Edition)> {
    let words: Vec<&str> = output.lines().next()?.split_whitespace().collect();
    let at = words.iter().position(|&word| word == "version")?;
    if words.first() != Some(&"atlas") {
        return None;
    }
    let edition =
        if words[1..at].contains(&"community") { Edition::Community } else { Edition::Official };
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
    fn parses_the_output_of_atlas(
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
