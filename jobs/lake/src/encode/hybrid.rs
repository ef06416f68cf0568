//! Parquet's encoding of small numbers: runs of one number, and groups of eight that are packed by bits.

/// The widest number, in bits.
pub(super) const WIDTH_MAX: u32 = 16;

/// The bits that numbers up to this one take.
pub(super) fn width(max: u32) -> u32 {
    u32::BITS - max.leading_zeros()
}

/// Adds these numbers, each of at most `width` bits ([`WIDTH_MAX`] or less).
pub(super) fn encode<T: Copy + PartialEq + Into<u32>>(
    numbers: &[T],
    width: u32,
    out: &mut Vec<u8>,
) {
    debug_assert!(width <= WIDTH_MAX);
    // What has not been written yet, whole groups of it, are not worth a run.
    let (mut literals, mut at) = (0, 0);
    while at < numbers.len() {
        let group = &numbers[at..numbers.len().min(at + 8)];
        let number = group[0];
        if group.len() == 8 && group.iter().all(|other| *other == number) {
            let rest = &numbers[at + 8..];
            let more = rest.iter().position(|other| *other != number);
            let run = 8 + more.unwrap_or(rest.len());
            pack(&numbers[literals..at], width, out);
            add_varint((run as u64) << 1, out);
            let bytes = number.into().to_le_bytes();
            out.extend_from_slice(&bytes[..width.div_ceil(8) as usize]);
            at += run;
            literals = at;
        } else {
            at += group.len();
        }
    }
    pack(&numbers[literals..], width, out);
}

/// Adds a run of packed groups; the last one is filled up with zeros.
fn pack<T: Copy + Into<u32>>(numbers: &[T], width: u32, out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let groups = numbers.len().div_ceil(8);
    add_varint((groups as u64) << 1 | 1, out);
    out.reserve(groups * width as usize);
    for group in numbers.chunks(8) {
        let mut packed = 0_u128;
        for (place, number) in (0..).zip(group) {
            packed |= u128::from((*number).into()) << (place * width);
        }
        out.extend_from_slice(&packed.to_le_bytes()[..width as usize]);
    }
}

fn add_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
