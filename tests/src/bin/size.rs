//! Prints the lines of code of a rendered repository.

fn main() -> anyhow::Result<()> {
    print!(
        "{}",
        template_tests::table(&template_tests::Size::measure()?)
    );
    Ok(())
}
