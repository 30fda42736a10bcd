import Bytes
import SIPMessage
import SIPStack

/// What an INVITE is for that a bridge sends.
enum BridgeStep: Sendable, Equatable {
    /// The old entity is put on hold before anything else.
    case hold
    /// The provisional media server is called with the old entity's session description.
    case media
    /// The old entity gets the media server's.
    case mediaOffer
    /// The new entity is called with the old one's first description, before both negotiate (`no-late-sdp`).
    case contact
    /// Who is to offer gets an INVITE without a body.
    case offer
    /// The other one gets that offer.
    case answer
    /// A caller who joins waits for the participant's answer.
    case join
    /// A bridge failed: the old entity gets its former peer's description back. Belongs to no bridge any more.
    case restore
}

/// An INVITE of a bridge that has to wait until another one to the same entity has its answer (RFC 3261 §14.1).
struct BridgeAsk {
    let entity: B2BEntity
    let step: BridgeStep
    let media: B2BMedia
}

/// What a script or a command asks a bridge to do.
struct BridgeOptions: Sendable {
    var durationMaxSeconds: Int?
    /// The entity that sent the REFER is told how it went (RFC 3515).
    var notifies = false
    /// A failed bridge leaves the call as it was.
    var rollsBack = false
    var holds = false
    /// The new entity is not asked for an offer.
    var avoidsLateOffer = false
    /// The entity that leaves gets its BYE when the new one is there.
    var endsOldLate = false
}

/// A bridge under way: an entity of the session gets a new peer. Belongs to the session's turn.
final class B2BBridge {
    /// Which of the session's it is: what an earlier one asked is none of its business.
    var number = 0
    /// Whom the session keeps: `[0]`.
    let old: B2BEntity
    /// Who comes: `[1]`.
    var new: B2BEntity
    /// Whom the old one talked with, while it may come back or is told later.
    var former: B2BEntity?
    /// Who sent the REFER and wants to know.
    var referrer: B2BEntity?
    var media: B2BEntity?
    /// Who else is told how it goes.
    var informed: ReferListener?
    let options: BridgeOptions
    /// Who makes the offer: the new entity (its INVITE has no body) or the old one.
    var giver: B2BEntity
    /// The giver's INVITE that waits for its ACK.
    var given: OutgoingRequest?
    /// An offer that waits until the old entity's connection to the media server stands.
    var isMediaPending = false
    var hasOfferWaiting = false
    /// The old entity was asked for something: its media have changed.
    var hasTouchedOld = false
    /// What the new entity's first INVITE carries besides.
    var lines = ByteString.empty
    /// Last status told to the referrer.
    var toldStatus = 0

    init(old: B2BEntity, new: B2BEntity, options: BridgeOptions) {
        self.old = old
        self.new = new
        self.options = options
        giver = new
    }

    var answerer: B2BEntity { giver === old ? new : old }

    func involves(_ entity: B2BEntity) -> Bool {
        entity === old || entity === new || entity === former || entity === referrer || entity === media
    }
}
