// faultcall: runs a program and interferes with the N-th call that changes files under a folder.
// gcc -O2 faultcall.c -o faultcall; Linux x86-64; needs no root. See README.md.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BY_FD, BY_PATH, BY_AT };

static const struct { int number; const char *name; int how; } calls[] = {
    {SYS_pwrite64, "pwrite", BY_FD}, {SYS_write, "write", BY_FD}, {SYS_pwritev, "pwritev", BY_FD}, {SYS_writev, "writev", BY_FD},
    {SYS_fsync, "fsync", BY_FD}, {SYS_fdatasync, "fdatasync", BY_FD}, {SYS_ftruncate, "ftruncate", BY_FD}, {SYS_fallocate, "fallocate", BY_FD},
    {SYS_fchmod, "fchmod", BY_FD}, {SYS_rename, "rename", BY_PATH}, {SYS_renameat, "renameat", BY_AT}, {SYS_renameat2, "renameat2", BY_AT},
    {SYS_unlink, "unlink", BY_PATH}, {SYS_unlinkat, "unlinkat", BY_AT}, {SYS_link, "link", BY_PATH}, {SYS_linkat, "linkat", BY_AT},
    {SYS_mkdir, "mkdir", BY_PATH}, {SYS_mkdirat, "mkdirat", BY_AT}, {SYS_chmod, "chmod", BY_PATH}, {SYS_fchmodat, "fchmodat", BY_AT},
    {SYS_open, "open", BY_PATH}, {SYS_openat, "openat", BY_AT}, {SYS_flock, "flock", BY_FD},
};
enum { CALLS = sizeof calls / sizeof *calls };

static int install_filter(void) {
    struct sock_filter code[CALLS + 4];
    int at = 0;
    code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALLS; i++)
        code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, (unsigned char)(CALLS - i), 0);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog program = {(unsigned short)at, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void read_text(pid_t pid, unsigned long address, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = memory < 0 ? 0 : pread(memory, text, size - 1, (off_t)address);
    text[got > 0 ? got : 0] = 0;
    if (memory >= 0) close(memory);
}

static void path_of(pid_t pid, const struct user_regs_struct *regs, int how, char *text, size_t size) {
    text[0] = 0;
    if (how == BY_FD) {
        char link[64];
        snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, (int)regs->rdi);
        ssize_t got = readlink(link, text, size - 1);
        text[got > 0 ? got : 0] = 0;
    } else {
        read_text(pid, how == BY_PATH ? regs->rdi : regs->rsi, text, size);
    }
}

// An open counts only when it may write or create.
static int changes(int number, const struct user_regs_struct *regs) {
    unsigned long flags = number == SYS_open ? regs->rsi : regs->rdx;
    return (number != SYS_open && number != SYS_openat) || (flags & (O_WRONLY | O_RDWR | O_CREAT)) != 0;
}

int main(int count, char **words) {
    if (count < 5) {
        fprintf(stderr, "faultcall FOLDER kill|count|nolocks|ERRNO N PROGRAM [ARGUMENT ...]\n");
        return 2;
    }
    const char *folder = words[1];
    size_t folder_length = strlen(folder);
    int is_kill = !strcmp(words[2], "kill"), is_count = !strcmp(words[2], "count"), is_nolocks = !strcmp(words[2], "nolocks"), error = atoi(words[2]);
    long target = atol(words[3]), seen = 0;
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        if (install_filter()) _exit(125);
        execvp(words[4], words + 4);
        _exit(127);
    }
    int status;
    if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status)) return 125;
    long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, child, 0, options)) return 125;
    ptrace(PTRACE_CONT, child, 0, 0);
    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0) return 125;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (pid != child) continue;
            fprintf(stderr, "faultcall: %ld calls\n", seen);
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        int signal = WSTOPSIG(status), event = status >> 16;
        if (signal == SIGTRAP && event == PTRACE_EVENT_SECCOMP) {
            struct user_regs_struct regs;
            char path[4096];
            if (ptrace(PTRACE_GETREGS, pid, 0, &regs) == 0) {
                for (int i = 0; i < CALLS; i++) {
                    if (calls[i].number != (int)regs.orig_rax) continue;
                    if (!changes(calls[i].number, &regs)) break;
                    path_of(pid, &regs, calls[i].how, path, sizeof path);
                    if (strncmp(path, folder, folder_length) || (path[folder_length] && path[folder_length] != '/')) break;
                    if (calls[i].number == SYS_flock) {
                        if (is_nolocks) {
                            regs.orig_rax = (unsigned long)-1;
                            regs.rax = 0;
                            ptrace(PTRACE_SETREGS, pid, 0, &regs);
                        }
                        break;
                    }
                    seen++;
                    if (is_count) fprintf(stderr, "%ld %s %s\n", seen, calls[i].name, path);
                    else if (is_kill && seen == target) {
                        fprintf(stderr, "faultcall: killed before %s %s\n", calls[i].name, path);
                        kill(child, SIGKILL);
                    } else if (!is_kill && !is_nolocks && seen >= target) {
                        if (seen == target) fprintf(stderr, "faultcall: %s from %s %s\n", strerror(error), calls[i].name, path);
                        // unlink and the closing of what is open must work on a full or read-only disk for nothing else to be left; the rest fails from here on.
                        if (calls[i].number != SYS_unlink && calls[i].number != SYS_unlinkat) {
                            regs.orig_rax = (unsigned long)-1;
                            regs.rax = (unsigned long)-error;
                            ptrace(PTRACE_SETREGS, pid, 0, &regs);
                        }
                    }
                    break;
                }
            }
            ptrace(PTRACE_CONT, pid, 0, 0);
        } else if (signal == SIGTRAP && event != 0) {
            ptrace(PTRACE_CONT, pid, 0, 0);
        } else {
            // The stop with which a new thread or process begins is not a signal to hand on.
            ptrace(PTRACE_CONT, pid, 0, signal == SIGSTOP ? 0 : signal);
        }
    }
}
