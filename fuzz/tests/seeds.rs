//! All seeds of all targets, by any toolchain and without a sanitizer: the targets stay whole, and what was once found stays
//! mended.

use std::fs;
use std::path::Path;

use fuzz::targets::ALL;

#[test]
fn every_seed_of_every_target() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut folders: Vec<_> = fs::read_dir(&seeds)
        .expect("seeds")
        .map(|folder| folder.expect("a folder").file_name())
        .collect();
    folders.sort();
    assert_eq!(
        folders,
        ALL.map(|(name, _)| name),
        "each target has seeds, and each folder a target"
    );
    for (name, target) in ALL {
        let files: Vec<_> = fs::read_dir(seeds.join(name)).expect("seeds").flatten().collect();
        assert!(!files.is_empty(), "{name}");
        for file in files {
            println!("{name} {}", file.file_name().display());
            target(&fs::read(file.path()).expect("a seed"));
        }
    }
}
