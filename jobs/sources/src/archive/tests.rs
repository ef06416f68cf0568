//! Archives of every kind, written here byte by byte.

use super::*;
use crate::decompress::tests::{Chunked, Seeded, compress, drain};
use crate::decompress::{Compression, DataError};

/// A file to be put into an archive.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) name: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    /// Whether its sizes stand in an extra field of 64 bits each.
    pub(crate) zip64: bool,
    pub(crate) mode: u32,
}

impl File {
    pub(crate) fn new(name: &str, data: &[u8], method: u16) -> Self {
        Self {
            name: name.as_bytes().to_vec(),
            data: data.to_vec(),
            method,
            flags: 0,
            zip64: false,
            mode: 0o100_644,
        }
    }
}

/// An archive. The members' own headers have an extra field that the directory
/// does not have, and sizes of zero where a data descriptor follows (flag 3).
pub(crate) fn archive(files: &[File], zip64: bool) -> Vec<u8> {
    const U32: u64 = u32::MAX as u64;
    let mut out = b"#!/bin/sh\n".to_vec(); // as a self-extracting archive has
    let mut directory = Vec::new();
    for file in files {
        let stored = match file.method {
            8 => compress(Compression::Deflate, &file.data),
            12 => compress(Compression::Bzip2, &file.data),
            93 => compress(Compression::Zstd, &file.data),
            95 => compress(Compression::Xz, &file.data),
            _ => file.data.clone(),
        };
        let crc = u64::from(crc32fast::hash(&file.data));
        let (size, plain, at) = (
            stored.len() as u64,
            file.data.len() as u64,
            out.len() as u64,
        );
        let name_length = file.name.len() as u64;
        let common = [45, u64::from(file.flags), u64::from(file.method), 0, 0];

        let descriptor = file.flags & 8 != 0;
        out.extend(b"PK\x03\x04");
        put(&mut out, 2, &common);
        put(
            &mut out,
            4,
            &[crc, size, plain].map(|v| if descriptor { 0 } else { v }),
        );
        put(&mut out, 2, &[name_length, 9]);
        out.extend(&file.name);
        out.extend(b"\xFE\xCA\x05\0extra");
        out.extend(&stored);
        if descriptor {
            out.extend(b"PK\x07\x08");
            put(&mut out, 4, &[crc, size, plain]);
        }

        let small = |v: u64| if file.zip64 { U32 } else { v };
        let mut extra = Vec::new();
        if file.zip64 {
            put(&mut extra, 2, &[1, 24]);
            put(&mut extra, 8, &[plain, size, at]);
        }
        directory.extend(b"PK\x01\x02");
        put(&mut directory, 2, &[3 << 8 | 45]); // written on Unix
        put(&mut directory, 2, &common);
        put(&mut directory, 4, &[crc, small(size), small(plain)]);
        put(
            &mut directory,
            2,
            &[name_length, extra.len() as u64, 0, 0, 0],
        );
        put(&mut directory, 4, &[u64::from(file.mode) << 16, small(at)]);
        directory.extend(&file.name);
        directory.extend(&extra);
    }
    let (start, length) = (out.len() as u64, directory.len() as u64);
    let count = files.len() as u64;
    out.extend(&directory);
    if zip64 {
        let at = out.len() as u64;
        out.extend(b"PK\x06\x06");
        put(&mut out, 8, &[44]);
        put(&mut out, 2, &[45, 45]);
        put(&mut out, 4, &[0, 0]);
        put(&mut out, 8, &[count, count, length, start]);
        out.extend(b"PK\x06\x07");
        put(&mut out, 4, &[0]);
        put(&mut out, 8, &[at]);
        put(&mut out, 4, &[1]);
    }
    let small = |v: u64| if zip64 { U32 } else { v };
    out.extend(b"PK\x05\x06");
    put(&mut out, 2, &[0, 0, small(count), small(count)]);
    put(&mut out, 4, &[small(length), small(start)]);
    put(&mut out, 2, &[7]);
    out.extend(b"comment");
    out
}

/// The lowest bytes of numbers, the least one first.
fn put(out: &mut Vec<u8>, bytes: usize, numbers: &[u64]) {
    for number in numbers {
        out.extend(&number.to_le_bytes()[..bytes]);
    }
}

/// Lists an archive that is held whole.
pub(crate) fn listed(path: &str, bytes: &[u8]) -> Result<Vec<Listed>, String> {
    let mut read_at = |from: u64, length: usize| Ok(bytes[from as usize..][..length].to_vec());
    list(path, bytes.len() as u64, &mut read_at).map_err(|e| match e {
        ListError::Input(message) => message,
        ListError::Io(error) => panic!("{error}"),
    })
}

fn read_member(bytes: &[u8], file: &Listed, chunk: usize) -> Result<Vec<u8>, DataError> {
    let from = file.member.header_at as usize;
    let input = Box::new(Chunked::new(&bytes[from..], chunk));
    drain(read::plain(input, &file.member, file.size))
}

#[test]
fn members_of_every_method() {
    let mut seeded = Seeded(21);
    for zip64 in [false, true] {
        let files: Vec<File> = [
            (0, 0),
            (0, 70_000),
            (8, 0),
            (8, 300_000),
            (12, 300_000),
            (93, 5000),
            (95, 5000),
        ]
        .iter()
        .enumerate()
        .map(|(i, (method, len))| File {
            zip64,
            flags: if i % 2 == 0 { 8 } else { 0 },
            ..File::new(&format!("folder/{i}.xml"), &seeded.text(*len), *method)
        })
        .collect();
        let bytes = archive(&files, zip64);
        let listed = listed("a.zip", &bytes).unwrap();
        assert_eq!(listed.len(), files.len());
        for (found, file) in listed.iter().zip(&files) {
            assert_eq!(found.name.as_bytes(), file.name);
            assert_eq!(found.member.plain_size, file.data.len() as u64);
            for chunk in [1, 11, 1 << 20] {
                if chunk > 1 || file.data.len() < 6000 {
                    assert!(read_member(&bytes, found, chunk).unwrap() == file.data);
                }
            }
        }
    }
}

#[test]
fn folders_links_and_hidden_files_are_left_out() {
    let file = |name: &str| File::new(name, b"<a/>", 0);
    let mut files = [
        "a.xml",
        "d/b.xml",
        "__MACOSX/d/._b.xml",
        ".git/x.xml",
        "d/.x.xml",
        "d/_x.xml",
        "_d/c.xml",
    ]
    .map(file)
    .to_vec();
    files.push(File {
        mode: 0o040_755,
        ..File::new("d/", b"", 0)
    });
    files.push(File {
        mode: 0o120_777,
        ..File::new("link.xml", b"a.xml", 0)
    });
    let names: Vec<String> = listed("a.zip", &archive(&files, false))
        .unwrap()
        .into_iter()
        .map(|f| f.name)
        .collect();
    assert_eq!(names, ["a.xml", "d/b.xml", "_d/c.xml"]);
}

#[test]
fn names_are_utf8_or_the_code_page_of_dos() {
    let mut files = vec![File::new("né.xml", b"<a/>", 0), File::new("", b"<a/>", 0)];
    files[1].name = b"n\x82.xml".to_vec();
    let error = listed("a.zip", &archive(&files, false)).unwrap_err();
    assert!(error.contains("two files named né.xml"), "{error}");
    files[1].name = b"n\x81.xml".to_vec();
    let names: Vec<String> = listed("a.zip", &archive(&files, false))
        .unwrap()
        .into_iter()
        .map(|f| f.name)
        .collect();
    assert_eq!(names, ["né.xml", "nü.xml"]);
}

#[test]
fn what_cannot_be_read_is_an_error_when_files_are_listed() {
    let good = File::new("a.xml", b"<a/>", 8);
    let encrypted = File {
        flags: 1,
        ..File::new("b.xml", b"secret", 0)
    };
    let strange = File {
        method: 98,
        ..File::new("b.xml", b"<a/>", 0)
    };
    let cases: [(Vec<u8>, &str); 5] = [
        (
            archive(&[good.clone(), encrypted], false),
            "b.xml in it is encrypted",
        ),
        (
            archive(&[good.clone(), strange], false),
            "b.xml in it is compressed by method 98",
        ),
        (
            archive(&[good.clone(), good.clone()], false),
            "two files named a.xml",
        ),
        (b"<rows/>".to_vec(), "cannot be read as a zip archive"),
        (Vec::new(), "cannot be read as a zip archive"),
    ];
    for (bytes, expected) in cases {
        let error = listed("a.zip", &bytes).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(listed("a.zip", &archive(&[], false)), Ok(Vec::new()));
    let mut volumes = archive(std::slice::from_ref(&good), false);
    let end = volumes.len() - 22 - 7;
    volumes[end + 4] = 1;
    let error = listed("a.zip", &volumes).unwrap_err();
    assert!(error.contains("several volumes"), "{error}");
    let bytes = archive(&[good], false);
    for cut in (0..bytes.len()).step_by(7) {
        assert!(listed("a.zip", &bytes[..cut]).is_err());
    }
}

#[test]
fn damage_to_a_member_is_an_error_or_means_nothing() {
    let data = Seeded(22).text(40_000);
    for method in [0, 8, 12, 93, 95] {
        let bytes = archive(
            &[
                File::new("a.xml", &data, method),
                File::new("b.xml", b"<b/>", 0),
            ],
            false,
        );
        let file = &listed("a.zip", &bytes).unwrap()[0];
        let from = file.member.header_at as usize;
        let end = from + 35 + 9 + file.size as usize;
        for at in (from..end)
            .step_by(97)
            .chain([from, from + 26, from + 28, end - 1])
        {
            let mut broken = bytes.clone();
            broken[at] ^= 0x10;
            if let Ok(read) = read_member(&broken, file, 1000) {
                assert!(read == data, "method {method}, byte {at}");
            }
            assert!(
                read_member(&bytes[..at], file, 1000).is_err(),
                "method {method}, cut at {at}"
            );
        }
        for (crc32, plain_size) in [
            (1, 40_000),
            (file.member.crc32, 39_999),
            (file.member.crc32, 40_001),
        ] {
            let member = Member {
                crc32,
                plain_size,
                ..file.member.clone()
            };
            let wrong = Listed {
                member,
                ..file.clone()
            };
            let error = read_member(&bytes, &wrong, 1000).unwrap_err();
            assert!(error.what.contains("archive's directory says"), "{error}");
        }
        for size in [file.size - 1, file.size + 1] {
            let wrong = Listed {
                size,
                ..file.clone()
            };
            assert!(read_member(&bytes, &wrong, 1000).is_err());
        }
    }
}

/// Wherever a byte of the directory is wrong: no panic, and what is listed lies
/// in the archive.
#[test]
fn damage_to_the_directory() {
    let file = |name: &str, zip64| File {
        zip64,
        ..File::new(name, b"<rows/>", 8)
    };
    for zip64 in [false, true] {
        let bytes = archive(&[file("a.xml", zip64), file("b.xml", false)], zip64);
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut broken = bytes.clone();
                broken[at] = value;
                for file in listed("a.zip", &broken).unwrap_or_default() {
                    assert!(file.member.header_at + file.size <= bytes.len() as u64);
                    let _ = read_member(&broken, &file, 100);
                }
            }
        }
    }
}

/// A program before the archive, whose offsets know nothing of it.
#[test]
fn what_was_put_before_the_archive() {
    for zip64 in [false, true] {
        let file = File::new("a.xml", &Seeded(23).text(5000), 8);
        let bytes = [vec![b'#'; 777], archive(std::slice::from_ref(&file), zip64)].concat();
        let found = &listed("a.zip", &bytes).unwrap()[0];
        assert!(read_member(&bytes, found, 100).unwrap() == file.data);
    }
}
