//! The `bed` command.
fn main() -> anyhow::Result<()> {
    let t = std::time::Instant::now();
    let b = nodemend_bed::Bed::start(&Default::default())?;
    println!("{:?}", t.elapsed());
    println!("{}", b.kubectl(&["version"])?);
    println!("{}", b.kubectl(&["get", "all,sa", "-A"])?);
    let t = std::time::Instant::now();
    b.stop()?;
    println!("{:?}", t.elapsed());
    Ok(())
}
