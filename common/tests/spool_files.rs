//! What a spool leaves on a disk that fails, tears, is full or is somebody else's.
#![cfg(feature = "client")]

mod captured;
mod spooling;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::export::SpoolConfig;
use common::export::spool::{Disk, Files as _, RecordId};
use common::model::RunOp;
use spooling::{Fault, Faulty, all_of, append, id_of, post, read_all, spool};
use uuid::Uuid;

#[test]
fn a_folder_that_a_killed_process_never_finished_is_deleted_at_the_second_look() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("spool");
    let config = SpoolConfig::new(&dir);
    let mut spool = spool(Disk, &config);
    spool.adopt();
    let entries = fs::read_dir(&dir).expect("a folder");
    let root = entries.flatten().next().expect("of the endpoint").path();
    let [probe, empty, locked, owned] = [
        dir.join(".new-0123"),
        root.join(".new-1-ab"),
        root.join(".new-2-ab"),
        root.join(".new-3-ab"),
    ];
    for path in [&probe, &empty, &locked, &owned] {
        Disk.make_folder(path).expect("a folder");
    }
    fs::write(locked.join("lock"), b"").expect("a file");
    let _owner = Disk.lock(&owned.join("lock"), true).expect("a lock");
    spool.adopt();
    assert!(
        [&probe, &empty, &locked, &owned]
            .iter()
            .all(|it| it.exists())
    );
    spool.adopt();
    assert!(![&probe, &empty, &locked].iter().any(|it| it.exists()));
    assert!(owned.exists(), "its owner is at it");
}

/// What a process did before it died, or ended.
#[derive(Debug, Default)]
struct Told {
    offered: BTreeSet<Uuid>,
    stored: BTreeSet<Uuid>,
    given_up: BTreeSet<Uuid>,
}

/// Writes, acknowledges, releases and reads back, over several segments; sees the disk fail where it
/// is told to.
fn live(files: Faulty, config: &SpoolConfig) -> Told {
    let mut told = Told::default();
    let mut spool = spool(files, config);
    spool.adopt();
    let mut known: Vec<(RecordId, Uuid)> = Vec::new();
    for round in 0..18_u128 {
        let ops: Vec<RunOp> = (0..3).map(|at| post(round * 10 + at)).collect();
        told.offered.extend(ops.iter().map(RunOp::id));
        let held = round % 2 == 0;
        let ids = append(&mut spool, &ops, held);
        for (op, id) in ops.iter().zip(ids) {
            if let Some(id) = id {
                told.stored.insert(op.id());
                if held {
                    known.push((id, op.id()));
                }
            }
        }
        for recovered in spool.read_back(1, usize::MAX) {
            known.extend(recovered.op.map(|op| (recovered.id, op.id())));
        }
        if round % 3 == 2 {
            let done: Vec<_> = known.drain(..known.len() / 2).collect();
            told.given_up.extend(done.iter().map(|(_, op)| *op));
            let ids: Vec<RecordId> = done.into_iter().map(|(id, _)| id).collect();
            spool.acknowledge(&ids);
            let back: Vec<RecordId> = known.drain(..known.len() / 2).map(|(id, _)| id).collect();
            spool.release(&back, 0);
        }
        spool.sync();
        spool.tidy();
    }
    spool.close();
    told
}

fn small(folder: &Path) -> SpoolConfig {
    SpoolConfig::new(folder.join("spool")).segment_bytes(2_000)
}

#[test]
fn nothing_stored_is_lost_and_nothing_is_invented_at_any_crash_point() {
    let calls = {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Faulty::new(None);
        live(files.clone(), &small(folder.path()));
        files.calls()
    };
    let faults = [
        Fault::Once,
        Fault::DiesBefore,
        Fault::DiesAfter,
        Fault::DiesWithin,
    ];
    let points = (1..=calls).flat_map(|call| faults.map(|fault| (call, fault)));
    let mut tried = 0;
    for point in points {
        let folder = tempfile::tempdir().expect("a folder");
        let config = small(folder.path());
        let told = live(Faulty::new(Some(point)), &config);
        let found = all_of(&config);
        for id in told.stored.difference(&told.given_up) {
            assert_eq!(found.get(id), Some(&1), "{point:?} lost {id}");
        }
        for id in found.keys() {
            assert!(told.offered.contains(id), "{point:?} invented {id}");
        }
        tried += 1;
    }
    assert!(tried >= 500, "only {tried} points");
}

/// Returns the segments below a folder.
fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|it| it == "seg") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Leaves three operations behind, in one segment; returns its bytes.
fn left_behind(config: &SpoolConfig) -> PathBuf {
    let mut spool = spool(Disk, config);
    append(&mut spool, &[post(1), post(2), post(3)], false);
    drop(spool);
    segments(config.folder()).remove(0)
}

#[test]
fn what_is_acknowledged_is_deleted_and_folders_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small(folder.path());
    left_behind(&config);
    let mut next = spool(Disk, &config);
    assert_eq!(next.adopt().ops, 3);
    assert!(next.stats().bytes > 0);
    let read = next.read_back(u64::MAX, usize::MAX);
    let order: Vec<Uuid> = read
        .iter()
        .filter_map(|it| Some(it.op.as_ref()?.id()))
        .collect();
    assert_eq!(order, [id_of(1), id_of(2), id_of(3)]);
    let ids: Vec<RecordId> = read.iter().map(|it| it.id).collect();
    next.acknowledge(&ids[..1]);
    drop(next);
    let mut last = spool(Disk, &config);
    assert_eq!(last.adopt().ops, 2);
    let read = last.read_back(u64::MAX, usize::MAX);
    last.acknowledge(&read.iter().map(|it| it.id).collect::<Vec<_>>());
    last.tidy();
    assert_eq!(last.stats().bytes, 0);
    drop(last);
    let of_endpoint = fs::read_dir(config.folder()).expect("the folder").next();
    let of_endpoint = of_endpoint.expect("one").expect("readable").path();
    let left: Vec<_> = fs::read_dir(of_endpoint).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_folder_with_a_living_owner_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small(folder.path());
    let mut owner = spool(Disk, &config);
    append(&mut owner, &[post(1)], true);
    let mut other = spool(Disk, &config);
    assert_eq!(other.adopt().ops, 0);
    drop(owner);
    assert_eq!(other.adopt().ops, 1);
    assert_eq!(all_of(&config).len(), 0, "taken over once");
}

#[test]
fn a_file_of_another_kind_or_a_later_version_is_put_aside_and_not_deleted() {
    let header = |path: &Path| fs::read(path).expect("a segment");
    type Change = fn(&mut Vec<u8>);
    let later: Change = |bytes| {
        bytes[8] = 2;
        let crc = crc32fast::hash(&bytes[..44]).to_le_bytes();
        bytes[44..48].copy_from_slice(&crc);
    };
    let another: Change = |bytes| {
        bytes[20] ^= 1;
        let crc = crc32fast::hash(&bytes[..44]).to_le_bytes();
        bytes[44..48].copy_from_slice(&crc);
    };
    let foreign: Change =
        |bytes| *bytes = b"a letter to a friend, long enough to hold a header".to_vec();
    for change in [later, another, foreign] {
        let folder = tempfile::tempdir().expect("a folder");
        let config = small(folder.path());
        let path = left_behind(&config);
        let mut bytes = header(&path);
        change(&mut bytes);
        fs::write(&path, &bytes).expect("writable");
        let mut next = spool(Disk, &config);
        assert_eq!(next.adopt().ops, 0);
        assert_eq!(next.stats().set_aside, 1);
        let aside = path.with_extension("seg.bad");
        assert_eq!(fs::read(aside).expect("put aside"), bytes);
        drop(next);
        assert!(all_of(&config).is_empty());
    }
}

#[test]
fn a_record_that_changes_on_disk_costs_itself_alone_and_its_file_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small(folder.path());
    let path = left_behind(&config);
    let mut bytes = fs::read(&path).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).expect("writable");
    let mut next = spool(Disk, &config);
    assert_eq!(next.adopt().ops, 2);
    assert_eq!(next.stats().damaged, 1);
    let read = next.read_back(u64::MAX, usize::MAX);
    next.acknowledge(&read.iter().map(|it| it.id).collect::<Vec<_>>());
    drop(next);
    assert!(path.with_extension("seg.bad").exists());
}

#[test]
fn a_record_that_changes_after_it_was_found_is_told_as_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small(folder.path());
    let path = left_behind(&config);
    let mut next = spool(Disk, &config);
    assert_eq!(next.adopt().ops, 3);
    let mut bytes = fs::read(&path).expect("a segment");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).expect("writable");
    let read = next.read_back(u64::MAX, usize::MAX);
    let intact: Vec<bool> = read.iter().map(|it| it.op.is_some()).collect();
    assert_eq!(intact, [true, true, false]);
    assert_eq!(next.stats().damaged, 1);
}

#[test]
fn the_bound_counts_all_files_of_the_folder_and_the_newest_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small(folder.path()).max_bytes(2_500);
    let mut first = spool(Disk, &config);
    let ops: Vec<RunOp> = (0..20).map(post).collect();
    let stored = append(&mut first, &ops, false);
    let count = stored.iter().flatten().count();
    assert!((1..10).contains(&count), "{count}");
    assert!(
        stored[..count].iter().all(Option::is_some),
        "the oldest stay"
    );
    assert!(first.stats().bytes <= 2_500);
    let mut second = spool(Disk, &config);
    second.adopt();
    assert_eq!(append(&mut second, &[post(100)], false), [None]);
    let read = first.read_back(u64::MAX, usize::MAX);
    first.acknowledge(&read.iter().map(|it| it.id).collect::<Vec<_>>());
    first.tidy();
    second.adopt();
    assert!(append(&mut second, &[post(100)], false)[0].is_some());
}

#[test]
fn a_full_disk_is_counted_and_used_again_when_space_returns() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = small(folder.path());
    let files = Faulty::new(None);
    let mut spool = spool(files.clone(), &config);
    assert!(append(&mut spool, &[post(1)], false)[0].is_some());
    files.set_full(true);
    assert_eq!(append(&mut spool, &[post(2)], false), [None]);
    assert_eq!(spool.stats().disk_errors, 1);
    files.set_full(false);
    assert!(append(&mut spool, &[post(3)], false)[0].is_some());
    let found: Vec<Uuid> = read_all(&mut spool).into_keys().collect();
    assert_eq!(found, [id_of(1), id_of(3)]);
}

#[cfg(target_os = "linux")]
mod device {
    use std::io;

    use common::export::spool::{Entry, Files, Lock, Output};

    use super::*;

    /// Every file is the device that is always full.
    #[derive(Debug)]
    struct Full;

    impl Files for Full {
        fn make_folder(&self, path: &Path) -> io::Result<()> {
            Disk.make_folder(path)
        }
        fn create(&self, _path: &Path) -> io::Result<Box<dyn Output>> {
            let file = fs::OpenOptions::new().write(true).open("/dev/full")?;
            Ok(Box::new(file))
        }
        fn open(&self, path: &Path) -> io::Result<Box<dyn Output>> {
            self.create(path)
        }
        fn read(&self, path: &Path, from: u64, most: u64) -> io::Result<Vec<u8>> {
            Disk.read(path, from, most)
        }
        fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
            Disk.list(path)
        }
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            Disk.rename(from, to)
        }
        fn remove(&self, path: &Path) -> io::Result<()> {
            Disk.remove(path)
        }
        fn remove_folder(&self, path: &Path) -> io::Result<()> {
            Disk.remove_folder(path)
        }
        fn sync_folder(&self, path: &Path) -> io::Result<()> {
            Disk.sync_folder(path)
        }
        fn lock(&self, path: &Path, make: bool) -> io::Result<Option<Lock>> {
            Disk.lock(path, make)
        }
    }

    #[test]
    fn a_device_without_space_stores_nothing_and_nobody_panics() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spool = spool(Full, &small(folder.path()));
        for number in 0..3 {
            assert_eq!(append(&mut spool, &[post(number)], true), [None]);
        }
        assert!(spool.stats().disk_errors >= 3);
        assert!(spool.is_empty());
    }
}

#[cfg(unix)]
mod owners {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

    use common::export::spool::Spool;
    use common::export::{BatchConfig, BatchExporter, Destination, StartError};

    use super::*;

    fn refusal(config: &SpoolConfig) -> String {
        let files = std::sync::Arc::new(Disk);
        let opened = Spool::open(files, config.clone(), spooling::FINGERPRINT);
        opened.expect_err("refused").to_string()
    }

    #[test]
    fn folders_and_files_are_for_this_user_alone_from_the_first_moment() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = SpoolConfig::new(folder.path().join("a").join("spool"));
        let mut spool = spool(Disk, &config);
        let ids = append(&mut spool, &[post(1), post(2)], true);
        spool.acknowledge(&[ids[0].expect("stored")]);
        let mut open = vec![folder.path().join("a")];
        let (mut folders, mut files) = (0, 0);
        while let Some(path) = open.pop() {
            let mode = fs::metadata(&path).expect("there").mode() & 0o777;
            if path.is_dir() {
                assert_eq!(mode, 0o700, "{}", path.display());
                folders += 1;
                let entries = fs::read_dir(path).expect("readable");
                open.extend(entries.map(|entry| entry.expect("readable").path()));
            } else {
                assert_eq!(mode, 0o600, "{}", path.display());
                files += 1;
            }
        }
        assert_eq!(
            (folders, files),
            (4, 3),
            "lock, segment and acknowledgements"
        );
    }

    #[test]
    fn a_symlink_and_a_folder_that_everybody_may_change_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let real = folder.path().join("real");
        fs::create_dir(&real).expect("a folder");
        let link = folder.path().join("link");
        symlink(&real, &link).expect("a symlink");
        let told = refusal(&SpoolConfig::new(&link));
        assert!(told.contains("it is a symlink"), "{told}");
        let open = folder.path().join("open");
        fs::create_dir(&open).expect("a folder");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("ours");
        for dir in [open.clone(), open.join("below")] {
            let told = refusal(&SpoolConfig::new(dir));
            assert!(told.contains("everybody may replace"), "{told}");
            assert!(told.contains("LANGSMITH_SPOOL_DIR"), "{told}");
        }
        fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).expect("ours");
        drop(spool(Disk, &SpoolConfig::new(open.join("below"))));
        let planted = folder.path().join("planted");
        fs::create_dir(&planted).expect("a folder");
        fs::write(planted.join("file"), "").expect("a file");
        let told = refusal(&SpoolConfig::new(planted.join("file")));
        assert!(told.contains("it is no folder"), "{told}");
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join("planted");
        fs::create_dir(&dir).expect("a folder");
        if chown(&dir, Some(54_321), None).is_err() {
            // Only a privileged user can plant one here.
            return;
        }
        let told = refusal(&SpoolConfig::new(&dir));
        assert!(told.contains("belongs to another user"), "{told}");
        let started = BatchExporter::start(
            &Destination::new("http://127.0.0.1:1"),
            BatchConfig {
                spool: Some(SpoolConfig::new(&dir)),
                ..BatchConfig::default()
            },
        );
        let error = started.expect_err("refused");
        assert!(matches!(error, StartError::SpoolFolder { .. }), "{error}");
        let left = fs::read_dir(&dir).expect("readable").count();
        assert_eq!(left, 0, "nothing stays in there");
    }
}
