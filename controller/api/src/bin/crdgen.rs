//! Writes the parts of the Helm chart that are generated from the API types.

use std::error::Error;
use std::fs;

use nodemend_api::chart;

fn main() -> Result<(), Box<dyn Error>> {
    for file in chart::files()? {
        let path = chart::folder().join(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, &file.text)?;
        println!("{}", file.path.display());
    }
    Ok(())
}
