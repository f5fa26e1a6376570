//! A target that misbehaves is found out, in whatever way it does.
#![allow(clippy::disallowed_methods, reason = "a parser that is too slow is one that sleeps")]

use std::time::Duration;

use kura_fuzz::{Seen, Target, Trace, execute, targets};

fn found(check: fn(&[u8], &mut Trace<'_>)) -> String {
    let target = Target { check, ..targets::all()[0] };
    execute(&target, b"input", &mut Seen::new()).err().unwrap_or_default()
}

// One test, because panics and memory are watched for the whole process.
#[test]
fn panics_on_any_thread_and_too_much_memory_or_time_are_findings() {
    assert_eq!(found(|_, _| {}), "");
    assert!(found(|_, _| panic!("broken")).contains("broken"));
    let helper = found(|_, _| drop(std::thread::spawn(|| panic!("broken elsewhere")).join()));
    assert!(helper.contains("broken elsewhere") && helper.contains("without a name"), "{helper}");
    let greedy = found(|_, _| drop(std::hint::black_box(vec![1_u8; 1 << 20])));
    assert!(greedy.contains("for an input of 5"), "{greedy}");
    assert!(found(|_, _| std::thread::sleep(Duration::from_millis(2100))).contains("more than 2 s, twice"));

    let mut seen = Seen::new();
    let target = Target { check: |input, trace| trace.note(input), ..targets::all()[0] };
    let fresh: Vec<_> = [b"a", b"b", b"a"].map(|input| execute(&target, input, &mut seen)).into();
    assert_eq!(fresh, [Ok(true), Ok(true), Ok(false)]);
}
