//! Small numbers of every width: what is encoded, read back a bit at a time; runs; widths.

use crate::encode::hybrid::{WIDTH_MAX, encode, width};

/// Reads what was encoded, a bit at a time, as the format's description says.
fn decode(bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
    let (mut at, mut numbers) = (0, Vec::new());
    while at < bytes.len() {
        let (mut header, mut shift) = (0_u64, 0);
        loop {
            header |= u64::from(bytes[at] & 0x7f) << shift;
            shift += 7;
            at += 1;
            if bytes[at - 1] & 0x80 == 0 {
                break;
            }
        }
        let times = (header >> 1) as usize;
        if header & 1 == 0 {
            let size = width.div_ceil(8) as usize;
            let number = bytes[at..at + size].iter().rev();
            let number = number.fold(0, |number, byte| number << 8 | u32::from(*byte));
            numbers.extend(std::iter::repeat_n(number, times));
            at += size;
        } else {
            let bit = |bit: usize| u32::from(bytes[at + bit / 8] >> (bit % 8) & 1);
            let wide = width as usize;
            for place in 0..times * 8 {
                let bits = (0..wide).map(|i| bit(place * wide + i) << i);
                numbers.push(bits.sum());
            }
            at += times * wide;
        }
    }
    assert!(
        numbers.len() >= count && numbers.len() < count + 8,
        "{count}"
    );
    assert!(numbers[count..].iter().all(|number| *number == 0));
    numbers.truncate(count);
    numbers
}

#[test]
fn numbers_of_every_width_come_back() {
    let mut random = fastrand::Rng::with_seed(11);
    for width in 0..=WIDTH_MAX {
        for round in 0..60 {
            let max = (1_u32 << width) - 1;
            let mut numbers = Vec::new();
            while numbers.len() < random.usize(0..400) {
                let times = if random.bool() {
                    1
                } else {
                    random.usize(1..40)
                };
                numbers.extend(std::iter::repeat_n(random.u32(0..=max), times));
            }
            let mut bytes = Vec::new();
            encode(&numbers, width, &mut bytes);
            let read = decode(&bytes, width, numbers.len());
            assert_eq!(read, numbers, "width {width}, round {round}");
        }
    }
}

#[test]
fn a_page_of_one_number_is_one_run() {
    let mut bytes = Vec::new();
    encode(&[3_u32; 4096], 2, &mut bytes);
    assert_eq!(bytes, [0x80, 0x40, 3]);
    bytes.clear();
    encode(&[0_u32; 9], 0, &mut bytes);
    assert_eq!(bytes, [18]);
    bytes.clear();
    encode::<u8>(&[], 3, &mut bytes);
    assert!(bytes.is_empty());
}

#[test]
fn widths_are_those_of_the_largest_number() {
    let widths = [0, 1, 2, 3, 4, 255, 256, 65_535].map(width);
    assert_eq!(widths, [0, 1, 2, 2, 3, 8, 9, 16]);
}
