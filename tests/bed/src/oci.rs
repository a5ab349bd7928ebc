//! OCI archives: container images made without a container engine, and without a registry.
//!
//! See the OCI image specification for the layout: blobs by digest, an index that names the manifest. The same files give
//! the same bytes: nothing of the time, the machine or the user gets into an archive.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// One image: a single layer of files, and how a container of it starts.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// Its full name, with a tag.
    pub name: String,
    /// The program in the image, as an absolute path, and its first arguments.
    pub entrypoint: Vec<String>,
    /// User and group that the program runs as, `UID:GID`.
    pub user: String,
    /// What is in it.
    pub files: Vec<Content>,
}

/// One file of an image.
#[derive(Debug, Clone)]
pub struct Content {
    /// Where it is in the image, without a leading slash.
    pub path: String,
    /// Whether it is a program.
    pub executable: bool,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Image {
    /// Writes the archive, for `ctr images import`, and returns the digest of the image's manifest.
    pub fn write(&self, archive: &Path) -> io::Result<String> {
        let layer = self.layer()?;
        let mut archive = Archive(Builder::new(File::create(archive)?));
        let layer = archive.blob("application/vnd.oci.image.layer.v1.tar", &layer)?;
        let config = archive.json_blob("application/vnd.oci.image.config.v1+json", &self.config(&layer))?;
        let manifest_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest =
            json!({"schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [layer]});
        let mut manifest = archive.json_blob(manifest_type, &manifest)?;
        let digest = manifest["digest"].as_str().unwrap_or_default().to_owned();
        // containerd reads the image's full name from this annotation.
        manifest["annotations"] = json!({"io.containerd.image.name": self.name});
        let index = json!({"schemaVersion": 2, "manifests": [manifest]}).to_string();
        archive.file("index.json", index.as_bytes())?;
        archive.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        archive.0.into_inner()?.flush()?;
        Ok(digest)
    }

    fn config(&self, layer: &Value) -> Value {
        json!({
            "architecture": architecture(), "os": "linux",
            "config": {"Entrypoint": self.entrypoint, "User": self.user},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        })
    }

    fn layer(&self) -> io::Result<Vec<u8>> {
        let mut layer = Builder::new(Vec::new());
        for folder in self.folders() {
            let mut header = header(0o755, 0);
            header.set_entry_type(EntryType::Directory);
            layer.append_data(&mut header, format!("{folder}/"), io::empty())?;
        }
        for file in &self.files {
            append(&mut layer, &file.path, if file.executable { 0o755 } else { 0o644 }, &file.bytes)?;
        }
        layer.into_inner()
    }

    /// The folders of all files, each after the one that it is in.
    fn folders(&self) -> BTreeSet<String> {
        let parents = self.files.iter().flat_map(|file| Path::new(&file.path).ancestors().skip(1));
        let parents = parents.map(|folder| folder.display().to_string());
        parents.filter(|folder| !folder.is_empty()).collect()
    }
}

/// What OCI calls the architecture that this program, and the one that goes into an image, was built for.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// An OCI archive that is being written.
struct Archive(Builder<File>);

impl Archive {
    fn file(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        append(&mut self.0, path, 0o644, content)
    }

    fn json_blob(&mut self, media_type: &str, value: &Value) -> io::Result<Value> {
        self.blob(media_type, value.to_string().as_bytes())
    }

    /// Adds a blob and returns its descriptor.
    fn blob(&mut self, media_type: &str, content: &[u8]) -> io::Result<Value> {
        let digest =
            Sha256::digest(content).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        self.file(&format!("blobs/sha256/{digest}"), content)?;
        Ok(json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": content.len()}))
    }
}

fn append<W: Write>(archive: &mut Builder<W>, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
    archive.append_data(&mut header(mode, content.len() as u64), path, content)
}

/// Belongs to root and was never changed: the header's other fields are 0.
fn header(mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size);
    header
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

    fn image(program: &[u8]) -> Image {
        let file = |path: &str, executable, bytes: &[u8]| Content {
            path: path.to_owned(),
            executable,
            bytes: bytes.to_vec(),
        };
        Image {
            name: "example.test/tool:1".to_owned(),
            entrypoint: vec!["/tool".to_owned(), "serve".to_owned()],
            user: "65532:65532".to_owned(),
            files: vec![file("tool", true, program), file("etc/ssl/roots.pem", false, b"roots")],
        }
    }

    fn entries(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (entry.path().unwrap().display().to_string(), content)
        });
        entries.collect()
    }

    #[test]
    fn the_same_files_give_the_same_bytes_and_others_another_digest() {
        let folder = tempfile::tempdir().unwrap();
        let written = |name: &str, program: &[u8]| {
            let path = folder.path().join(name);
            (image(program).write(&path).unwrap(), std::fs::read(path).unwrap())
        };
        let first = written("a", b"program");
        assert_eq!(first, written("b", b"program"));
        assert_ne!(first.0, written("c", b"another").0);
    }

    #[test]
    fn an_archive_leads_from_its_index_to_every_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.tar");
        let digest = image(b"program").write(&path).unwrap();
        let archive = entries(&std::fs::read(path).unwrap());
        let blob = |digest: &Value| {
            let name = digest.as_str().unwrap().replace(':', "/");
            archive[&format!("blobs/{name}")].clone()
        };
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let index = json(&archive["index.json"]);
        assert_eq!(index["manifests"][0]["digest"], digest);
        assert_eq!(index["manifests"][0]["annotations"]["io.containerd.image.name"], "example.test/tool:1");
        let manifest = json(&blob(&index["manifests"][0]["digest"]));
        let config = json(&blob(&manifest["config"]["digest"]));
        assert_eq!(config["config"], json!({"Entrypoint": ["/tool", "serve"], "User": "65532:65532"}));
        let layer = entries(&blob(&manifest["layers"][0]["digest"]));
        let names: Vec<_> = layer.keys().map(String::as_str).collect();
        assert_eq!(names, ["etc/", "etc/ssl/", "etc/ssl/roots.pem", "tool"]);
        assert_eq!(layer["tool"], b"program");
    }
}
