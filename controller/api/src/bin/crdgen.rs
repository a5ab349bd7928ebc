//! Writes the files that are generated from the API types.

fn main() -> Result<(), nodemend_api::yaml::YamlError> {
    print!("{}", nodemend_api::crds::yaml()?);
    Ok(())
}
