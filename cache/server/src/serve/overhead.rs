//! What the process takes beyond what is counted, for which items make room.
//!
//! Items, messages and their indexes are counted to the byte. What the allocator holds of no use is not, and it is
//! what grows when values of all sizes and kinds come and go: pages of which a few bytes are left in use. So the
//! process is looked at, several times a second, and items give up what it takes too much.

use std::io;

/// What may be taken beyond what is counted, in bytes: what a server has allocated once it has worked, requests on
/// their way among it.
const FREE_BYTES: u64 = 3 << 20;
/// And so much of the memory: one in this many bytes.
const FREE_SHARE: u64 = 25;
/// What an open connection may take, in bytes.
const CONNECTION_BYTES: u64 = 64 << 10;
/// Items give up one in so many bytes of the memory between two looks, so that nobody waits long for a lock;
const UP_SHARE: u64 = 32;
/// they get back one in so many.
const DOWN_SHARE: u64 = 256;
/// Most that items give up of the memory: one in this many bytes.
const MOST_SHARE: u64 = 2;
/// Bytes of a page, in which the kernel counts.
const PAGE_BYTES: u64 = 4096;

/// What items leave free of their memory.
#[derive(Debug)]
pub(super) struct Overhead {
    memory: u64,
    /// Anonymous bytes of the process before it had done anything.
    idle: u64,
    left: u64,
}

impl Overhead {
    /// For a process that holds nothing yet and will count no more than `memory` bytes.
    pub(super) fn new(memory: u64) -> io::Result<Self> {
        Ok(Self { memory, idle: anonymous()?, left: 0 })
    }

    /// What is to be left free from now on, while `counted` bytes are held and so many connections are open.
    pub(super) fn look(&mut self, counted: u64, connections: u64) -> io::Result<u64> {
        Ok(self.weigh(anonymous()?, counted, connections))
    }

    fn weigh(&mut self, anonymous: u64, counted: u64, connections: u64) -> u64 {
        let free = FREE_BYTES + self.memory / FREE_SHARE + connections * CONNECTION_BYTES;
        let wanted = anonymous.saturating_sub(self.idle + counted + free).min(self.memory / MOST_SHARE);
        let least = self.left.saturating_sub(self.memory / DOWN_SHARE);
        self.left = wanted.clamp(least, self.left + self.memory / UP_SHARE);
        self.left
    }
}

/// Anonymous bytes of this process that are in memory.
fn anonymous() -> io::Result<u64> {
    let numbers = std::fs::read_to_string("/proc/self/statm")?;
    let mut numbers = numbers.split(' ').skip(1).map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(resident)), Some(Ok(of_files))) => Ok(resident.saturating_sub(of_files) * PAGE_BYTES),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "/proc/self/statm does not begin with three numbers",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn items_give_up_what_is_too_much_a_step_at_a_time() {
        let mut overhead = Overhead { memory: 100 * MIB, idle: 10 * MIB, left: 0 };
        // 10 idle, 90 counted, 3 and 4 free.
        assert_eq!(overhead.weigh(107 * MIB, 90 * MIB, 0), 0);
        assert_eq!(overhead.weigh(115 * MIB, 90 * MIB, 0), 100 * MIB / 32);
        for _ in 0..10 {
            overhead.weigh(115 * MIB, 90 * MIB, 0);
        }
        assert_eq!(overhead.left, 8 * MIB);
        assert_eq!(
            overhead.weigh(115 * MIB, 90 * MIB, 128),
            8 * MIB - 100 * MIB / 256,
            "connections may have some"
        );
        for _ in 0..1000 {
            overhead.weigh(1000 * MIB, 90 * MIB, 0);
        }
        assert_eq!(overhead.left, 50 * MIB, "never more than half");
        for _ in 0..1000 {
            overhead.weigh(50 * MIB, 90 * MIB, 0);
        }
        assert_eq!(overhead.left, 0);
    }

    #[test]
    fn the_kernel_tells_what_is_taken() {
        let before = anonymous().unwrap();
        let bytes = vec![1_u8; 64 << 20];
        let after = anonymous().unwrap();
        assert!(after > before + (48 << 20), "{before} before, {after} after {} bytes", bytes.len());
    }
}
