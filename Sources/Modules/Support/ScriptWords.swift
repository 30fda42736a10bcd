import RouteLanguage

/// The words that arguments of module functions are made of, for `sipray check`.
enum ScriptWords {
    static let methods: ConstantRule = {
        var rule = ConstantRule(
            [
                "invite", "cancel", "ack", "bye", "info", "options", "update", "register", "message", "subscribe",
                "notify", "prack", "refer", "publish",
            ], separator: "|")
        rule.isStrict = false
        return rule
    }()

    static let relayFlags: ConstantRule = {
        var rule = ConstantRule(
            ["no-auto-477", "no-dns-failover", "pass-reason-hdr", "allow-no-cancel"], separator: ",")
        rule.takesNumbers = true
        rule.otherwise = "flags come first, then the destination: `t_relay(, \"udp:10.0.0.1:5060\")`"
        return rule
    }()

    static let replicateFlags: ConstantRule = {
        var rule = relayFlags
        rule.otherwise = nil
        return rule
    }()

    static let dialogFlags: ConstantRule = {
        var rule = ConstantRule(
            [
                "bye-on-timeout", "options-ping-caller", "options-ping-callee", "reinvite-ping-caller",
                "reinvite-ping-callee", "end-on-race-condition", "auto-prack",
            ], separator: ",")
        rule.letters = ["B", "P", "p", "R", "r", "E"]
        return rule
    }()

    static let dialogMatching = ConstantRule(["did_only", "did_fallback", "did_none"])
    static let dialogSides = ConstantRule(["caller", "callee"])
    static let dialogIdentifiers = ConstantRule(["callid", "did"])

    static let repliedBy = ConstantRule(["all", "last"])

    static let cancelFlags: ConstantRule = {
        var rule = ConstantRule([], separator: ",")
        rule.letters = ["a", "o"]
        rule.otherwise = "`a` cancels all branches, `o` all others, nothing the present one"
        return rule
    }()

    static let branchSources: ConstantRule = {
        var rule = ConstantRule(["msg"])
        rule.missing = ["event": "it belongs to the event_routing module; add branches to the message and use `msg`"]
        return rule
    }()

    static let injectionFlags: ConstantRule = {
        var rule = ConstantRule(["cancel", "c", "last", "l"], separator: ",")
        rule.letters = ["c", "l"]
        rule.otherwise = "the flags are `cancel` and `last`"
        return rule
    }()

    static let directions = ConstantRule(["upstream", "downstream"])
    static let revert = ConstantRule(["revert"])

    static let validationFlags: ConstantRule = {
        var rule = ConstantRule([], separator: ",")
        rule.letters = ["s", "h", "m", "r", "f", "t", "c", "n"]
        rule.otherwise = "the flags are letters: s, h, m, r, f, t, c"
        return rule
    }()

    static let saveFlags: ConstantRule = {
        var rule = ConstantRule(
            [
                "memory-only", "no-reply", "max-contacts", "force-registration", "matching-mode", "path-off",
                "path-lazy", "path-strict", "path-received", "only-request-contacts", "socket-header", "min-expires",
                "max-expires",
            ], separator: ",")
        rule.letters = ["m", "r", "c", "f", "M", "p", "v", "o", "s", "e", "E"]
        return rule
    }()

    static let lookupFlags: ConstantRule = {
        var rule = ConstantRule(
            [
                "no-branches", "to-branches-only", "branch", "method-filtering", "ua-filtering", "case-insensitive",
                "extended-regexp", "global", "max-ping-latency", "sort-by-latency",
            ], separator: ",")
        rule.letters = ["b", "B", "r", "m", "u", "i", "e", "g", "y", "Y"]
        return rule
    }()

    static let accountingBackends: ConstantRule = {
        var rule = ConstantRule(["log", "evi"], separator: "|")
        rule.missing = [
            "db": "there is no database yet; nothing is written there",
            "aaa": "there is no AAA backend yet; nothing is written there",
        ]
        return rule
    }()

    static let accountingFlags: ConstantRule = {
        var rule = ConstantRule(["cdr", "missed", "failed"], separator: "|")
        rule.needed = ["cdr": "dialog"]
        return rule
    }()

    static func only(_ word: String, otherwise: String) -> ConstantRule {
        var rule = ConstantRule([word])
        rule.otherwise = otherwise
        return rule
    }
}
