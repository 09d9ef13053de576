use std::{fmt, fs::File, io::Read, path::Path};

use anyhow::{Context, Result, bail, ensure};
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

    /// # Errors
    /// When the file is not a Linux program for this processor.
    pub(crate) fn check_program(self, file: &Path) -> Result<()> {
        let mut header = [0; 20];
        File::open(file)
            .and_then(|mut file| file.read_exact(&mut header))
            .with_context(|| format!("{} cannot be read as a program", file.display()))?;
        // The ELF header: magic number, 64 bit, little-endian; then e_machine.
        ensure!(
            header[..6] == *b"\x7fELF\x02\x01",
            "{} is not a 64-bit Linux program",
            file.display()
        );
        let machine = match u16::from_le_bytes([header[18], header[19]]) {
            183 => Self::Arm64,
            62 => Self::X86_64,
            other => bail!(
                "{} is for another processor (ELF machine {other}) than {self}",
                file.display()
            ),
        };
        ensure!(machine == self, "{} is for {machine}, not for {self}", file.display());
        Ok(())
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    /// The head of a program for a processor.
    fn program(machine: u16) -> Vec<u8> {
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(18, 0);
        header.extend(machine.to_le_bytes());
        header.resize(64, 0);
        header
    }

    #[rstest]
    #[case(program(183), Architecture::Arm64, None)]
    #[case(program(62), Architecture::X86_64, None)]
    #[case(program(62), Architecture::Arm64, Some("is for x86_64, not for arm64"))]
    #[case(program(40), Architecture::Arm64, Some("ELF machine 40"))]
    #[case(b"#!/bin/sh\nexec true # and more\n".to_vec(), Architecture::X86_64, Some("not a 64-bit Linux program"))]
    #[case(b"\x7fELF".to_vec(), Architecture::X86_64, Some("cannot be read as a program"))]
    fn tells_programs_apart(
        #[case] contents: Vec<u8>,
        #[case] architecture: Architecture,
        #[case] problem: Option<&str>,
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), contents).unwrap();
        match (architecture.check_program(file.path()), problem) {
            (Ok(()), None) => {}
            (Err(error), Some(problem)) => {
                assert!(format!("{error:#}").contains(problem), "{error:#}");
            }
            (outcome, _) => panic!("{outcome:?}"),
        }
    }

    #[test]
    fn has_the_names_that_the_command_line_takes() {
        for architecture in Architecture::value_variants() {
            let name = architecture.to_string();
            assert_eq!(Architecture::from_str(&name, false), Ok(*architecture));
        }
    }
}
