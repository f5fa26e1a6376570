//! The template language: what is refused and in which words, and what functions give.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is missing")]

mod common;

use common::Memory;
use kura_cloudformation::{BODY_LIMIT_BYTES, validate_template};
use proptest::prelude::*;

macro_rules! bad {
    ($($file:literal => $says:literal,)*) => {
        &[$(($file, include_str!(concat!("templates/bad/", $file)), $says)),*]
    };
}

/// Each template of `templates/bad`, and what is said about it: by the request or by an event.
const BAD: &[(&str, &str, &str)] = bad! {
    "circle.yaml" => "Circular dependency between resources: [A, B]",
    "duplicate-key.json" => "Template format error: duplicate key 'Gateway' before this value. (line 3, column 14)",
    "duplicate-key.yaml" => "Template format error: duplicate key 'Gateway'. (line 4, column 3)",
    "flattened.yaml" => "Template format error: duplicate key 'Type'. (line 5, column 1)",
    "function.yaml" => "Encountered unsupported function: Fn::Uppercase Supported functions are: [Fn::And,",
    "ipv6.yaml" => "Property CidrIpv6 is not supported here: the link carries IPv4 only",
    "join.yaml" => "Template error: every Fn::Join object requires two parameters, (1) a string delimiter",
    "mapping.yaml" => "Template error: Unable to get mapping for Sizes::large::bits (line 6, column",
    "missing-property.yaml" => "Properties validation failed for resource Routes with message:\n#: required key [VpcId] not found",
    "name.yaml" => "Template format error: Resource name my-gateway is non alphanumeric. (line 2, column 3)",
    "no-resources.yaml" => "Template format error: At least one Resources member must be defined.",
    "not-unique.yaml" => "#/SubnetIds: array items are not unique",
    "not-well-formed.json" => "Template format error: JSON not well-formed. (line 3, column 53)",
    "not-well-formed.yaml" => "Template format error: YAML not well-formed. (line ",
    "null.yaml" => "[/Resources/Gateway/Properties/Tags] 'null' values are not allowed in templates (line 5,",
    "parameter-type.yaml" => "Template format error: Unrecognized parameter type: Text (line 2, column 13)",
    "tag.yaml" => "Template format error: the tag !Upper is not known. (line 4,",
    "unknown-attribute.yaml" => "Template error: resource Network does not support attribute type Colour in Fn::GetAtt",
    "unknown-property.yaml" => "Encountered unsupported property EnableDns",
    "unknown-section.yaml" => "Invalid template property or properties [Ressources] (line 3, column 1)",
    "unknown-type.yaml" => "Template format error: Unrecognized resource types: [AWS::S3::Buckets]",
    "unresolved-condition.yaml" => "Unresolved condition dependency Sunday in the Resources block of the template",
    "unresolved-depends-on.yaml" => "Template format error: Unresolved resource dependencies [Nowhere] in the Resources block of the template",
    "unresolved-getatt.yaml" => "Template error: instance of Fn::GetAtt references undefined resource Nowhere",
    "unresolved-ref.yaml" => "Template format error: Unresolved resource dependencies [Nowhere] in the Resources block of the template",
    "unresolved-sub.yaml" => "Template format error: Unresolved resource dependencies [Nowhere] in the Resources block of the template",
    "version.yaml" => "Template version 2011-01-01 is not supported",
    "wrong-type.yaml" => "#/EnableDnsSupport: expected type: Boolean, found: String",
};

#[test]
fn bad_templates_are_refused_with_place_and_reason() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/templates/bad");
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), BAD.len(), "every file is in the table");
    for (file, text, says) in BAD {
        let mut cloud = Memory::new();
        let before = cloud.rest();
        let said = match cloud.create("bad", text, &[]) {
            Err(error) => {
                assert!(cloud.state.stacks.is_empty(), "{file}: a refused request makes no stack");
                error.message
            }
            Ok(_) => {
                assert_eq!(cloud.status("bad"), "ROLLBACK_COMPLETE", "{file}");
                let events = cloud.stack("bad").events.iter();
                events.filter_map(|event| event.reason.clone()).collect::<Vec<_>>().join("\n")
            }
        };
        assert!(said.contains(says), "{file}: {said}");
        assert_eq!(cloud.rest(), before, "{file}");
    }
}

/// The value a tag gets: any function can stand there.
fn value(expression: &str) -> String {
    let template = format!(
        "
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Word: {{Type: String, Default: word}}
  Count: {{Type: Number, Default: 3}}
  List: {{Type: CommaDelimitedList, Default: 'a, b,c'}}
  Numbers: {{Type: List<Number>, Default: '1,2'}}
Mappings:
  Map: {{word: {{key: mapped, list: [x, y]}}}}
Conditions:
  IsWord: !Equals [!Ref Word, word]
  IsOther: !Not [!Condition IsWord]
  Both: !And [!Condition IsWord, !Condition IsOther]
  Either: !Or [!Condition Both, !Equals [!Ref Count, '3']]
Resources:
  Net: {{Type: AWS::EC2::VPC, Properties: {{CidrBlock: 10.0.0.0/16}}}}
  Gateway:
    Type: AWS::EC2::InternetGateway
    Properties: {{Tags: [{{Key: value, Value: {expression}}}]}}
"
    );
    let mut cloud = Memory::new();
    match cloud.create("language", &template, &[]) {
        Err(error) => return error.message,
        Ok(_) => assert_eq!(cloud.status("language"), "CREATE_COMPLETE", "{}", cloud.events("language", 0)),
    }
    let gateway = cloud.physical("language", "Gateway");
    cloud.state.gateways[gateway.as_str()].tags["value"].clone()
}

#[test]
fn functions_give_what_they_say() {
    for (expression, expected) in [
        ("!Ref Word", "word"),
        ("!Ref AWS::Region", "ap-northeast-1"),
        ("!Ref AWS::AccountId", "000000000000"),
        ("!Ref AWS::StackName", "language"),
        ("!Join ['-', [!Ref AWS::Partition, !Ref AWS::URLSuffix]]", "aws-amazonaws.com"),
        ("!Sub '${Word}-${Count}-${!Word}-${Net.CidrBlock}-$Word-${'", "word-3-${Word}-10.0.0.0/16-$Word-${"),
        ("!Sub ['${own}${Word}', {own: !Ref Count}]", "3word"),
        ("!Join [',', !Ref List]", "a,b,c"),
        ("!Join ['', [a, !Ref AWS::NoValue, b]]", "ab"),
        ("!Select [2, !Ref List]", "c"),
        ("!Select ['1', !Ref Numbers]", "2"),
        ("!Select [1, !Split ['/', !GetAtt Net.CidrBlock]]", "16"),
        ("!FindInMap [Map, !Ref Word, key]", "mapped"),
        ("!Select [1, !FindInMap [Map, word, list]]", "y"),
        ("!If [IsWord, one, two]", "one"),
        ("!If [IsOther, one, !If [Either, three, four]]", "three"),
        ("!If [Both, one, two]", "two"),
        ("!Join [',', !GetAZs '']", "ap-northeast-1a,ap-northeast-1c,ap-northeast-1d"),
        ("!Join [',', !Cidr [10.0.0.0/24, 3, 5]]", "10.0.0.0/27,10.0.0.32/27,10.0.0.64/27"),
        ("!Base64 hello", "aGVsbG8="),
        ("{'Fn::GetAtt': [Net, CidrBlock]}", "10.0.0.0/16"),
        (
            "{'Fn::GetAtt': Net.CidrBlock}",
            "Template error: every Fn::GetAtt object requires two non-empty parameters",
        ),
        ("2010-09-09", "2010-09-09"),
        ("007", "007"),
        ("1.10", "1.10"),
        ("!!str yes", "yes"),
        ("yes", "true"),
        ("!Select [9, !Ref List]", "Template error: Fn::Select cannot select nonexistent value at index 9"),
        ("!Cidr [10.0.0.0/24, 9, 5]", "Template error: Fn::Cidr: 10.0.0.0/24 holds 8 ranges of /27, not 9"),
        ("!ImportValue nothing", "No export named nothing found."),
        ("!Sub '${a b}'", "Template error: variable names in Fn::Sub syntax must contain only"),
    ] {
        let given = value(expression);
        assert!(
            given == expected || (given.starts_with(expected) && given.contains(' ')),
            "{expression}: {given}"
        );
    }
}

#[test]
fn parameters_are_held_to_what_they_declare() {
    for (declaration, value, says) in [
        ("{Type: String, AllowedValues: [a, b]}", "c", "Parameter 'P' must be one of AllowedValues"),
        ("{Type: String, AllowedPattern: '[a-z]+'}", "a1", "Parameter 'P' must match pattern [a-z]+"),
        (
            "{Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: only letters}",
            "a1",
            "Parameter P failed to satisfy constraint: only letters",
        ),
        ("{Type: String, MinLength: 3}", "ab", "Parameter 'P' must contain at least 3 characters"),
        ("{Type: String, MaxLength: 3}", "abcd", "Parameter 'P' must contain at most 3 characters"),
        ("{Type: Number}", "x", "Parameter 'P' must be a number"),
        ("{Type: Number, MinValue: 3}", "2", "Parameter 'P' must be a number not less than 3"),
        ("{Type: Number, MaxValue: 3}", "4", "Parameter 'P' must be a number not greater than 3"),
        ("{Type: List<Number>}", "1,x", "Parameter 'P' must be a number"),
    ] {
        let text = format!(
            "Parameters: {{P: {declaration}}}\nResources: {{G: {{Type: AWS::EC2::InternetGateway}}}}\n"
        );
        let error = Memory::new().create("held", &text, &[("P", value)]).unwrap_err();
        assert_eq!(error.message, says, "{declaration}");
    }
}

#[test]
fn limits_are_where_aws_has_them() {
    let many = |count: usize| {
        let lines: String =
            (0..count).map(|n| format!("  G{n}: {{Type: AWS::EC2::InternetGateway}}\n")).collect();
        format!("Resources:\n{lines}")
    };
    assert!(validate_template(&many(500)).is_ok());
    let error = validate_template(&many(501)).unwrap_err();
    assert!(
        error.message.contains("Number of resources, 501, is greater than maximum allowed, 500"),
        "{error}"
    );
    let base = many(1);
    let full = format!("{base}# {}", "x".repeat(BODY_LIMIT_BYTES - base.len() - 2));
    assert_eq!(full.len(), BODY_LIMIT_BYTES);
    assert!(validate_template(&full).is_ok());
    let error = validate_template(&(full + "x")).unwrap_err();
    assert!(error.message.contains("at 'templateBody' failed to satisfy constraint"), "{error}");
    // Aliases that would make a billion values, and brackets without end.
    let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..10 {
        laughs += &format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(","));
    }
    assert!(validate_template(&laughs).unwrap_err().message.contains("aliases make more than"));
    for deep in ["[".repeat(20_000), "{\"a\":".repeat(9_000), "{a: ".repeat(9_000), "- ".repeat(20_000)] {
        assert!(validate_template(&deep).is_err());
    }
    let nested = format!("Resources: {}", "!Sub ".repeat(5_000));
    assert!(validate_template(&nested).is_err());
}

/// A template of the largest size: 200 resources in 51,200 bytes.
#[test]
fn the_largest_template_is_worked_through() {
    let mut text =
        "Resources:\n  Net: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}\n".to_owned();
    for n in 0..199 {
        let after = if n < 5 { "Net".to_owned() } else { format!("Group{}", n - 5) };
        text += &format!(
            "  Group{n}:\n    Type: AWS::EC2::SecurityGroup\n    DependsOn: {after}\n    Properties:\n      GroupDescription: number {n}\n      VpcId: !Ref Net\n"
        );
    }
    text += &format!("# {}", "x".repeat(BODY_LIMIT_BYTES - text.len() - 2));
    let mut cloud = Memory::new();
    let before = cloud.rest();
    cloud.create("large", &text, &[]).unwrap();
    assert_eq!(cloud.status("large"), "CREATE_COMPLETE");
    assert_eq!(cloud.stack("large").resources.len(), 200);
    cloud.delete("large").unwrap();
    assert_eq!(cloud.rest(), before);
}

const SEEDS: [&str; 4] = [
    include_str!("templates/provider.yaml"),
    include_str!("templates/provider.json"),
    include_str!("templates/consumer.yaml"),
    include_str!("templates/siblings.yaml"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_has_an_answer(text in any::<String>()) {
        prop_assert!(validate_template(&text).is_err());
    }

    #[test]
    fn garbage_of_the_languages_own_characters_has_an_answer(text in "[-{}\\[\\]:,&*!#|>'\"%@` \n\ta-cR0-9\\\\]{0,200}") {
        prop_assert!(validate_template(&text).is_err());
    }

    /// A sound template with pieces cut, doubled or put in: whatever comes of it, a stack comes to an end.
    #[test]
    fn a_damaged_template_has_an_answer(
        seed in 0..SEEDS.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..30, "[-{}\\[\\]:,&*! a-zA-Z0-9\n\"]{0,6}"), 1..4),
    ) {
        let mut text: Vec<char> = SEEDS[seed].chars().collect();
        for (at, cut, put) in damage {
            let from = at.index(text.len());
            let to = (from + cut).min(text.len());
            text.splice(from..to, put.chars());
            if text.is_empty() { break; }
        }
        let text: String = text.into_iter().collect();
        let mut cloud = Memory::new();
        let (vpc, subnets) = (cloud.default_vpc(), cloud.default_subnets(1));
        let given = [("Vpc", vpc.as_str()), ("Subnets", subnets.as_str())];
        let given = if seed == 3 { &given[..] } else if seed == 2 { &[("Service", "com.amazonaws.none")][..] } else { &[] };
        match cloud.create("damaged", &text, given) {
            Err(error) => prop_assert!(!error.message.is_empty() && error.code != "InternalFailure", "{error}"),
            Ok(_) => prop_assert!(["CREATE_COMPLETE", "ROLLBACK_COMPLETE"].contains(&cloud.status("damaged")), "{}", cloud.events("damaged", 0)),
        }
    }
}
