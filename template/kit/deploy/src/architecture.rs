use std::fmt;

use anyhow::{Result, bail};
use clap::ValueEnum;

/// A processor of AWS Lambda, by the name that Lambda uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Architecture {
    #[value(name = "arm64")]
    Arm64,
    #[value(name = "x86_64")]
    X86_64,
}

impl Architecture {
    /// The Rust target, with the glibc version of the runtime provided.al2023 after the dot,
    /// as cargo-lambda and cargo-zigbuild take it.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu.2.34",
            Self::X86_64 => "x86_64-unknown-linux-gnu.2.34",
        }
    }

    /// The name that Go, and so Atlas' releases, use.
    pub(crate) fn go_name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "amd64",
        }
    }

    /// The processor of this machine.
    ///
    /// # Errors
    /// When Lambda does not have it.
    pub(crate) fn of_this_machine() -> Result<Self> {
        Ok(match std::env::consts::ARCH {
            "x86_64" => Self::X86_64,
            "aarch64" => Self::Arm64,
            other => bail!("AWS Lambda has no processor like this machine's, {other}"),
        })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.to_possible_value();
        f.write_str(name.as_ref().map_or("", |name| name.get_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_names_that_the_command_line_takes() {
        for architecture in Architecture::value_variants() {
            let name = architecture.to_string();
            assert_eq!(Architecture::from_str(&name, false), Ok(*architecture));
        }
    }
}
