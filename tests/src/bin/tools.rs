//! Installs what the tests need.

fn main() -> anyhow::Result<()> {
    template_tests::install()
}
