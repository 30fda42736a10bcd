import Bytes
import Profiling
import Reactor
import RouteRuntime
import SIPDialog
import SIPMessage
package import SIPStack
import SIPTransport

/// The entities of the server, and what brings messages to them. Shared by all processes; constant but for the tables.
package final class B2BEntities: Sendable {
    let host: ScriptHost
    let keys: EntityKeys
    let passesPRACK: Bool
    let log: @Sendable (ScriptLogLevel, String) -> Void
    /// `uac_auth`, when the script loads it.
    let credentials: UACAuthModule?
    private let servers: KeyedTable<B2BEntity>
    private let clients: KeyedTable<B2BEntity>
    private let scripted = ScriptedDialogs()

    init(_ environment: ModuleEnvironment) throws(ModuleError) {
        host = environment.host
        let parameters = environment.parameters
        guard (parameters.integer("b2b_entities", "db_mode") ?? 0) == 0 else {
            throw ModuleError("b2b_entities", "db_mode", nil, "there is no database; entities live in memory: use 0")
        }
        keys = EntityKeys(
            prefix: parameters.text("b2b_entities", "b2b_key_prefix") ?? "B2B", startedAt: environment.now())
        passesPRACK = parameters.isOn("b2b_entities", "passthru_prack")
        credentials = environment.uacAuth
        log = environment.log
        let countMax = max(1, parameters.integer("b2b_entities", "entities_max") ?? 200_000)
        servers = KeyedTable(bits: parameters.integer("b2b_entities", "server_hsize") ?? 9, countMax: countMax)
        clients = KeyedTable(bits: parameters.integer("b2b_entities", "client_hsize") ?? 9, countMax: countMax)
        environment.statistics.gauge(group: "b2b_entities", name: "server_entities") { [servers] in servers.count }
        environment.statistics.gauge(group: "b2b_entities", name: "client_entities") { [clients] in clients.count }
    }

    var serverCount: Int { servers.count }
    var clientCount: Int { clients.count }
    var serverEntities: [B2BEntity] { servers.all }
    var clientEntities: [B2BEntity] { clients.all }

    /// Runs on a SIP process. False when there is none, or it takes no more jobs.
    func onProcess(_ job: Site, _ body: @escaping @Sendable (StackWorker) -> Void) -> Bool {
        guard let (worker, script) = host.anyProcess else { return false }
        return script.process.reactor.submit(job) { body(worker) }
    }

    // MARK: making

    /// The entity that answers an initial INVITE. nil when the request can't make a dialog, or too many exist.
    func makeServer(
        _ request: Message, contact: LocalContact, socket: ListenSocket?, id: ByteString, owner: any EntityOwner
    ) -> B2BEntity? {
        guard let place = servers.freeKey() else { return nil }
        let key = keys.text(place)
        guard let dialog = AgentDialog(request: request, localTag: key) else { return nil }
        let entity = B2BEntity(
            self, isServer: true, at: place, key: key, dialog: dialog, contact: contact, socket: socket,
            outboundProxy: nil, id: id, owner: owner)
        entity.noteMedia(request)
        return servers.add(entity, at: place) ? entity : nil
    }

    /// The entity that asks: its dialog begins with the first INVITE that it sends. nil when too many exist.
    func makeClient(_ plan: ClientPlan, id: ByteString, owner: any EntityOwner, _ worker: StackWorker) -> B2BEntity? {
        guard let place = clients.freeKey() else { return nil }
        let key = keys.text(place)
        let dialog = AgentDialog(
            callID: key, localAddress: plan.from, localTag: worker.uniqueTag(), remoteAddress: plan.to,
            target: plan.target, sequence: 0)
        let entity = B2BEntity(
            self, isServer: false, at: place, key: key, dialog: dialog, contact: plan.contact, socket: plan.socket,
            outboundProxy: plan.proxy, id: id, owner: owner)
        entity.extraLines = plan.extraLines
        return clients.add(entity, at: place) ? entity : nil
    }

    /// Makes an entity the one that answers an INVITE; false as `StackWorker.adopt` says. A provisional reply of the script's, which
    /// came before, has made an early dialog already: a BYE to that one is the entity's too. On the owner's turn.
    func adopt(_ transaction: Transaction, by entity: B2BEntity, _ worker: StackWorker) -> Bool {
        guard worker.adopt(transaction, by: entity) else { return false }
        if (101..<200).contains(transaction.lastReplyStatus) {
            entity.scriptTag = transaction.localTag
            scripted.add(entity, tag: transaction.localTag)
        }
        return true
    }

    func remove(_ entity: B2BEntity) {
        if let tag = entity.scriptTag { scripted.remove(entity, tag: tag) }
        (entity.isServer ? servers : clients).remove(entity, at: entity.tableKey)
    }

    // MARK: finding

    /// The entity with a key, of either kind.
    func entity(key: ByteString) -> B2BEntity? {
        guard let found = keys.read(key) else { return nil }
        if let server = servers.find(found.key), server.key == key { return server }
        if let client = clients.find(found.key), client.key == key { return client }
        return nil
    }

    /// The entity of a dialog named by Call-ID and both tags, in whatever order.
    func entity(callID: ByteString, tags: (ByteString, ByteString)) -> B2BEntity? {
        if let found = keys.read(callID), let client = clients.find(found.key), client.key == callID { return client }
        for tag in [tags.0, tags.1] {
            if let found = keys.read(tag), let server = servers.find(found.key), server.callID == callID {
                return server
            }
        }
        return nil
    }

    /// As management and scripts name a dialog: `callid;from-tag;to-tag`.
    func entity(triple: ByteString) -> B2BEntity? {
        let parts = triple.split(at: UInt8(ascii: ";"))
        guard parts.count == 3 else { return nil }
        return entity(callID: parts[0], tags: (parts[1], parts[2]))
    }

    /// The entity that a request in a dialog is for.
    private func entity(of request: Message) -> B2BEntity? {
        guard let toTag = request.toTag else { return nil }
        if let found = keys.read(toTag), let server = servers.find(found.key), server.callID == request.callID {
            return server
        }
        guard let found = keys.read(request.callID), let client = clients.find(found.key), client.key == request.callID,
            client.view.localTag == toTag
        else { return nil }
        return client
    }

    // MARK: messages

    /// Looks at every request before the request route. False: it was an entity's, and is seen to.
    package func prescript(_ request: InboundRequest, _ worker: StackWorker) -> Bool {
        worker.probe.enter(B2BSites.prescript)
        let goesOn = !take(request, worker)
        worker.probe.exit(goesOn ? B2BSites.prescriptPass : B2BSites.prescript, status: goesOn ? -1 : 1)
        return goesOn
    }

    private func take(_ request: InboundRequest, _ worker: StackWorker) -> Bool {
        let message = request.message
        if message.method == .cancel { return takeCancel(request, worker) }
        guard let toTag = message.toTag else { return false }
        guard keys.read(toTag) != nil || keys.read(message.callID) != nil else {
            guard message.method == .bye, let entity = scripted.entity(tag: toTag, callID: message.callID) else {
                return false
            }
            return take(request, for: entity, worker)
        }
        if message.method == .ack { return takeAck(request, worker) }
        guard let entity = entity(of: message) else {
            // What ended a dialog may come again.
            guard case .retransmission(let transaction) = worker.match(request), transaction.owner is B2BEntity else {
                return false
            }
            worker.absorb(transaction)
            return true
        }
        return take(request, for: entity, worker)
    }

    private func take(_ request: InboundRequest, for entity: B2BEntity, _ worker: StackWorker) -> Bool {
        let records = entity.owner?.beganBy ?? SessionLink.none
        switch worker.makeTransaction(for: request, records: records, owner: entity) {
        case .created(let transaction):
            entity.post(.request(request, transaction), worker)
        case .retransmission, .refused: break
        case .unusable:
            worker.replyStateless(request, status: 400, reason: "Bad Request")
        }
        return true
    }

    private func takeCancel(_ request: InboundRequest, _ worker: StackWorker) -> Bool {
        guard case .cancel(let transaction) = worker.match(request), transaction.owner is B2BEntity else {
            return false
        }
        worker.cancel(transaction, with: request)
        return true
    }

    private func takeAck(_ request: InboundRequest, _ worker: StackWorker) -> Bool {
        // The ACK of a negative answer ends at its transaction.
        if case .acknowledgement(let transaction) = worker.match(request), transaction.owner is B2BEntity,
            worker.absorbAck(transaction)
        {
            return true
        }
        guard let entity = entity(of: request.message) else { return false }
        entity.post(.request(request, nil), worker)
        return true
    }
}

/// What a client entity is made from.
struct ClientPlan {
    /// Values of From and To, without tags.
    var from: ByteString
    var to: ByteString
    /// The request URI.
    var target: ByteString
    var proxy: ByteString?
    var contact: LocalContact
    var socket: ListenSocket?
    /// Header lines for every request to it.
    var extraLines = ByteString.empty
}
