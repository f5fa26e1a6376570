//! What the kernel accounts to a process: processor time and resident memory.

use std::fs;
use std::time::Duration;

use anyhow::Context;

/// Processor time of all threads of a process, by the scheduler's own account (nanoseconds, not ticks).
pub(crate) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("the server is gone")? {
        // A thread may end between the listing and the read.
        if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
            nanos += parse_schedstat(&text).with_context(|| format!("schedstat says {text:?}"))?;
        }
    }
    Ok(Duration::from_nanos(nanos))
}

/// Resident memory of a process, bytes.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmRSS:")
}

/// Resident memory of a process that no file is behind, bytes.
pub(crate) fn anonymous_bytes(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "RssAnon:")
}

fn status_bytes(pid: u32, name: &str) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).context("the server is gone")?;
    parse_status(&text, name).with_context(|| format!("no {name} in the process status"))
}

/// The first of schedstat's three numbers: time spent on a processor, nanoseconds.
fn parse_schedstat(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

fn parse_status(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The processor's name, as the kernel prints it.
pub(crate) fn cpu_model() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    parse_cpu_model(&text).unwrap_or_else(|| "unknown".to_owned())
}

fn parse_cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

/// How many threads ran or wanted to, on average over the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().next().unwrap_or("unknown").to_owned()
}

/// Steal time of all processors since boot, in ticks: what the hypervisor took.
pub(crate) fn steal_ticks() -> u64 {
    fs::read_to_string("/proc/stat").ok().and_then(|text| parse_steal(&text)).unwrap_or(0)
}

fn parse_steal(stat: &str) -> Option<u64> {
    stat.lines().next()?.split_ascii_whitespace().nth(8)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedstat_begins_with_the_time_on_a_processor() {
        assert_eq!(parse_schedstat("3200194174 6172483155 6353\n"), Some(3_200_194_174));
        assert_eq!(parse_schedstat(""), None);
    }

    #[test]
    fn resident_memory_is_in_kibibytes() {
        let status = "Name:\tkura\nVmPeak:\t 9 kB\nVmRSS:\t    1234 kB\nRssAnon:\t     7 kB\n";
        assert_eq!(parse_status(status, "VmRSS:"), Some(1234 * 1024));
        assert_eq!(parse_status(status, "RssAnon:"), Some(7 * 1024));
        assert_eq!(parse_status("Name:\tkura\n", "VmRSS:"), None);
    }

    #[test]
    fn cpu_model_and_steal_are_found() {
        assert_eq!(parse_cpu_model("processor\t: 0\nmodel name\t: Some CPU\n").as_deref(), Some("Some CPU"));
        assert_eq!(parse_steal("cpu  1 2 3 4 5 6 7 42 0 0\n"), Some(42));
    }

    #[test]
    fn this_process_has_both() -> anyhow::Result<()> {
        assert!(resident_bytes(std::process::id())? > 100_000);
        cpu_time(std::process::id())?;
        Ok(())
    }
}
