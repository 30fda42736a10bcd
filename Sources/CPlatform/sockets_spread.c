// Which socket of a SO_REUSEPORT group takes a datagram: told by its Call-ID, so that one receiver gets the messages of
// a call in the order in which the kernel took them. Classic BPF has no loops: the search is unrolled into the program.
#define _GNU_SOURCE
#include "sockets_address.h"

#include <errno.h>
#include <linux/filter.h>

// Letters are compared in lower case, by setting bit 5 of every byte: '\n' becomes '*'; '-', ':' and ' ' have it.
#define FOLD 0x20202020u
#define WORD(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define NAME_FIRST WORD('*', 'c', 'a', 'l')
#define NAME_SECOND WORD('l', '-', 'i', 'd')

enum {
    search_start = 16,    // no header begins before
    reach_step = 64,      // by which the search is shortened where the kernel has no room for so long a program
    reach_max = 1024,     // where the search ends
    stride = 4,           // of four places one after another, one shows four bytes from within the name
    windows_per_part = 8, // where a likeness proves false, the search goes on with the next part
    value_start = 9,      // from the line end before the name to what follows its colon
    value_bytes = 32,     // of the Call-ID that count
};

// What four bytes within the name may be, and how far behind the line end before the name they lie.
static const struct {
    uint32_t bytes, distance;
} likenesses[] = {
    {WORD('a', 'l', 'l', '-'), 2}, {WORD('l', 'l', '-', 'i'), 3}, {NAME_SECOND, 4},
    {WORD('-', 'i', 'd', ':'), 5}, {WORD('-', 'i', 'd', ' '), 5},
};
enum { likeness_count = sizeof likenesses / sizeof likenesses[0] };

// The program as it grows. What does not fit is counted only: the length tells.
typedef struct program {
    struct sock_filter code[BPF_MAXINSNS];
    uint32_t count;
} program;

// Jumps that go to a place not reached yet.
typedef struct label {
    uint16_t from[BPF_MAXINSNS / 8];
    uint32_t count;
} label;

static void emit(program *p, uint16_t code, uint32_t k) {
    if (p->count < BPF_MAXINSNS) p->code[p->count] = (struct sock_filter){code, 0, 0, k};
    p->count++;
}

// `code` is BPF_JA, or a comparison of A with k that jumps when it holds and goes on otherwise.
static void jump(program *p, uint16_t code, uint32_t k, label *to) {
    if (p->count < BPF_MAXINSNS) to->from[to->count++] = (uint16_t)p->count;
    emit(p, BPF_JMP | BPF_K | code, k);
}

// The jumps of `to` go to the next instruction. A comparison reaches 255 instructions far.
static void bind_here(program *p, label *to) {
    for (uint32_t i = 0; i < to->count; i++) {
        struct sock_filter *from = &p->code[to->from[i]];
        uint32_t distance = p->count - to->from[i] - 1;
        if (BPF_OP(from->code) == BPF_JA)
            from->k = distance;
        else
            from->jt = (uint8_t)distance;
    }
    to->count = 0;
}

// Searches `windows_per_part` windows from `start`. Goes to `found` with X at the line end before the name, to the next
// instruction without.
static void emit_part(program *p, uint32_t start, label *found, label *missing) {
    label likely[likeness_count] = {{.count = 0}}, inside, compare = {.count = 0}, next = {.count = 0}, proven;
    for (uint32_t k = start; k < start + windows_per_part * stride; k += stride) {
        inside.count = 0;
        emit(p, BPF_LD | BPF_W | BPF_LEN, 0);
        jump(p, BPF_JGE, k + stride, &inside);
        jump(p, BPF_JA, 0, missing);
        bind_here(p, &inside);
        emit(p, BPF_LDX | BPF_IMM, k);
        emit(p, BPF_LD | BPF_W | BPF_ABS, k);
        emit(p, BPF_ALU | BPF_OR | BPF_K, FOLD);
        for (uint32_t j = 0; j < likeness_count; j++) jump(p, BPF_JEQ, likenesses[j].bytes, &likely[j]);
    }
    jump(p, BPF_JA, 0, &next);
    for (uint32_t j = 0; j < likeness_count; j++) {
        bind_here(p, &likely[j]);
        emit(p, BPF_MISC | BPF_TXA, 0);
        emit(p, BPF_ALU | BPF_SUB | BPF_K, likenesses[j].distance);
        jump(p, BPF_JA, 0, &compare);
    }
    bind_here(p, &compare);
    emit(p, BPF_MISC | BPF_TAX, 0);
    for (uint32_t half = 0; half < 2; half++) {
        proven.count = 0;
        emit(p, BPF_LD | BPF_W | BPF_IND, 4 * half);
        emit(p, BPF_ALU | BPF_OR | BPF_K, FOLD);
        jump(p, BPF_JEQ, half == 0 ? NAME_FIRST : NAME_SECOND, &proven);
        jump(p, BPF_JA, 0, &next);
        bind_here(p, &proven);
    }
    jump(p, BPF_JA, 0, found);
    bind_here(p, &next);
}

// Expects the offset of the line end before the name in X. Returns the index of a socket. M[0] is the hash (FNV-1a).
static void emit_choice(program *p, uint32_t count) {
    label ended = {.count = 0}, within;
    emit(p, BPF_STX, 1);
    emit(p, BPF_LD | BPF_IMM, 2166136261u);
    emit(p, BPF_ST, 0);
    for (uint32_t i = 0; i < value_bytes; i++) {
        within.count = 0;
        emit(p, BPF_LDX | BPF_MEM, 1);
        emit(p, BPF_LD | BPF_B | BPF_IND, value_start + i);
        jump(p, BPF_JGT, '\r', &within);
        jump(p, BPF_JA, 0, &ended);
        bind_here(p, &within);
        emit(p, BPF_MISC | BPF_TAX, 0);
        emit(p, BPF_LD | BPF_MEM, 0);
        emit(p, BPF_ALU | BPF_XOR | BPF_X, 0);
        emit(p, BPF_ALU | BPF_MUL | BPF_K, 16777619u);
        emit(p, BPF_ST, 0);
    }
    bind_here(p, &ended);
    emit(p, BPF_LD | BPF_MEM, 0);
    emit(p, BPF_MISC | BPF_TAX, 0);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, 15);
    emit(p, BPF_ALU | BPF_XOR | BPF_X, 0);
    emit(p, BPF_ALU | BPF_MOD | BPF_K, count);
    emit(p, BPF_RET | BPF_A, 0);
}

int cplatform_socket_spread_by_call(int fd, uint32_t count) {
    int error = -E2BIG;
    for (uint32_t reach = reach_max; reach >= reach_step; reach -= reach_step) {
        program p;
        label found = {.count = 0}, missing = {.count = 0};
        p.count = 0;
        for (uint32_t start = search_start; start < reach; start += windows_per_part * stride)
            emit_part(&p, start, &found, &missing);
        bind_here(&p, &missing);
        // An index past the group: the kernel chooses by its own hash of the addresses.
        emit(&p, BPF_RET | BPF_K, UINT32_MAX);
        bind_here(&p, &found);
        emit_choice(&p, count);
        if (p.count > BPF_MAXINSNS) continue;
        struct sock_fprog prog = {.len = (unsigned short)p.count, .filter = p.code};
        if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof prog) == 0) return (int)reach;
        error = -errno;
        // ENOMEM: longer than net.core.optmem_max allows.
        if (error != -ENOMEM) break;
    }
    return error;
}
