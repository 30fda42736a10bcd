import Bytes
package import RouteRuntime
package import SIPStack
import SIPTransaction

/// What `modparam("tm", …)` sets beside the stack's configuration.
package struct TMParameters: Sendable {
    /// `onreply_avp_mode`: onreply routes see the transaction's AVPs.
    package var sharesAVPsWithReplies = false
    /// Mask of `minor_branch_flag`, 0 without one.
    package var minorBranchMask: UInt32 = 0

    package init() {}

    package init(_ parameters: ModuleParameters, flags: FlagNames) {
        sharesAVPsWithReplies = parameters.isOn("tm", "onreply_avp_mode")
        if let name = parameters.text("tm", "minor_branch_flag") { minorBranchMask = flags.mask(name, of: .branch) }
    }
}

extension StackConfiguration {
    /// Takes over what the tm module's parameters say. Durations of 0 or below keep the default.
    package mutating func apply(_ parameters: ModuleParameters) {
        func set(_ name: String, _ path: WritableKeyPath<StackConfiguration, UInt32>, scale: Int) {
            guard let value = parameters.integer("tm", name), value > 0 else { return }
            self[keyPath: path] = UInt32(clamping: value * scale)
        }
        set("fr_timeout", \.settings.finalResponse, scale: 1_000)
        set("fr_inv_timeout", \.settings.finalInviteResponse, scale: 1_000)
        set("T1_timer", \.settings.t1, scale: 1)
        set("T2_timer", \.settings.t2, scale: 1)
        if let wait = parameters.integer("tm", "wt_timer"), wait > 0 {
            settings.setWait(UInt32(clamping: wait * 1_000))
        }
        settings.restartsOnEachReply = parameters.isOn("tm", "restart_fr_on_each_reply")
        trying = parameters.isOn("tm", "auto_100trying") ? .immediately : .never
        blocksOn6xx = !parameters.isOn("tm", "disable_6xx_block")
        matching.comparesRequestURI = parameters.isOn("tm", "ruri_matching")
        matching.comparesVia = parameters.isOn("tm", "via1_matching")
    }
}
