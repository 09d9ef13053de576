use std::path::PathBuf;
use std::str::FromStr;

/// Reads environment variables, and collects errors to report all of them at once.
pub struct EnvReader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    errors: Vec<String>,
}

impl<'a> EnvReader<'a> {
    /// `variable` returns the value of an environment variable.
    pub fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let errors = Vec::new();
        Self { variable, errors }
    }

    /// Returns the value of a variable, or `None` if it is unset or blank.
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.trim().is_empty())
    }

    /// Returns the value of a variable; reports a missing one, with the reason why it is
    /// needed.
    pub fn required(&mut self, name: &str, reason: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.report(format!("{name} is missing{reason}"));
            String::new()
        })
    }

    /// Returns the number that a variable contains.
    pub fn number<T: FromStr>(&mut self, name: &str, default: T) -> T {
        let Some(value) = self.optional(name) else {
            return default;
        };
        value.parse().unwrap_or_else(|_| {
            self.report(format!("{name} is {value:?}, which is not a valid number"));
            default
        })
    }

    /// Returns the path that a variable contains, or that of `file` beside the program.
    pub fn beside_the_program(&self, name: &str, file: &str) -> PathBuf {
        let root = || self.optional("LAMBDA_TASK_ROOT");
        self.optional(name).map_or_else(
            || PathBuf::from(root().unwrap_or_else(|| "/var/task".into())).join(file),
            PathBuf::from,
        )
    }

    /// Adds an error, once.
    pub fn report(&mut self, error: String) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// # Errors
    /// When any error was collected; the message names all of them.
    pub fn finish(self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.errors.is_empty(),
            "the function is not configured (its environment variables): {}",
            self.errors.join("; ")
        );
        Ok(())
    }
}
