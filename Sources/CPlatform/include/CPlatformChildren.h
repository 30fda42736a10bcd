#ifndef CPLATFORM_CHILDREN_H
#define CPLATFORM_CHILDREN_H

#include <sys/types.h>

/// A pipe whose ends are closed on exec. `parent_reads`: the parent's end, which does not block, is ends[0]; else ends[1].
/// 0, or the negative errno.
int cplatform_pipe(int ends[2], int parent_reads);

/// Starts `/bin/sh -c command` in a process group of its own, with no signal blocked or ignored and no descriptors but the
/// three. A descriptor below 0 stands for /dev/null. The child's pid, or the negative errno.
pid_t cplatform_spawn_shell(const char *command, char *const environment[], int input, int output, int error);

/// A descriptor that is readable when the child has ended; closed on exec. The negative errno on failure.
int cplatform_child_descriptor(pid_t pid);

/// The status of a child that is no child any more: somebody else has taken it.
#define CPLATFORM_CHILD_LOST 512

/// A child's status without waiting and without reaping it, so that its pid and its group stay its own: its exit
/// status, 256 plus the signal that ended it, -1 while it runs, CPLATFORM_CHILD_LOST.
int cplatform_child_status(pid_t pid);

/// Lets go of a child that has ended. Nothing happens while it runs.
void cplatform_child_reap(pid_t pid);

/// Has the kernel keep the status of ended children, also when whoever started this program had them ignored.
void cplatform_children_prepare(void);

#endif
