//! The `bed` command.
fn main() -> anyhow::Result<()> {
    nodemend_bed::deps::ensure()?;
    let b = nodemend_bed::build::Binaries::build(Default::default())?;
    println!("{:?}", nodemend_bed::images::archives(&b)?);
    Ok(())
}
