using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Native.Libc;

/// <summary>The externs of libc, with their C names and signatures (man pages 2 and 3). Linux x64 and arm64 layouts.</summary>
internal static unsafe partial class LibcNative
{
    private const string Libc = "libc";

    // int flock(int fd, int operation);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int flock(SafeFileHandle fd, int operation);

    // int open(const char *pathname, int flags, mode_t mode);
    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int open(string pathname, int flags, uint mode);

    // int close(int fd);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int close(int fd);

    // int close_range(unsigned int first, unsigned int last, unsigned int flags); glibc 2.34, Linux 5.11 for CLOEXEC
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int close_range(uint first, uint last, uint flags);

    // int fsync(int fd);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int fsync(SafeFileHandle fd);

    // int fallocate(int fd, int mode, off_t offset, off_t len);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int fallocate(SafeFileHandle fd, int mode, long offset, long len);

    // int fdatasync(int fd);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int fdatasync(SafeFileHandle fd);

    // int sync_file_range(int fd, off_t offset, off_t nbytes, unsigned int flags);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int sync_file_range(SafeFileHandle fd, long offset, long nbytes, uint flags);

    // int ioctl(int fd, unsigned long op, ...); here with a file descriptor as its argument
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int ioctl(SafeFileHandle fd, nuint op, SafeFileHandle argument);

    // int link(const char *oldpath, const char *newpath);
    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int link(string oldpath, string newpath);

    // int dup2(int oldfd, int newfd);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int dup2(int oldfd, int newfd);

    // pid_t setsid(void);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int setsid();

    // int getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int getsockopt(SafeHandle sockfd, int level, int optname, void* optval, uint* optlen);

    // int statvfs(const char *path, struct statvfs *buf);
    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statvfs(string path, StatVfs* buf);

    // int statx(int dirfd, const char *pathname, int flags, unsigned int mask, struct statx *statxbuf);
    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statx(int dirfd, string pathname, int flags, uint mask, StatX* statxbuf);

    // The same of an open file (AT_EMPTY_PATH)
    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statx(SafeFileHandle dirfd, string pathname, int flags, uint mask, StatX* statxbuf);

    // int access(const char *pathname, int mode);
    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int access(string pathname, int mode);

    // uid_t geteuid(void);
    [LibraryImport(Libc)]
    internal static partial uint geteuid();

    // int kill(pid_t pid, int sig);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int kill(int pid, int sig);

    // noreturn void _exit(int status);
    [LibraryImport(Libc)]
    internal static partial void _exit(int status);

    // int sched_getaffinity(pid_t pid, size_t cpusetsize, cpu_set_t *mask);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int sched_getaffinity(int pid, nuint cpusetsize, byte* mask);

    // int posix_fadvise(int fd, off_t offset, off_t len, int advice); returns the error number
    [LibraryImport(Libc)]
    internal static partial int posix_fadvise(SafeFileHandle fd, long offset, long len, int advice);

    // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial nint mmap(nint addr, nuint length, int prot, int flags, SafeFileHandle fd, long offset);

    // The same without a file (MAP_ANONYMOUS, fd -1)
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial nint mmap(nint addr, nuint length, int prot, int flags, int fd, long offset);

    // void *mremap(void *old_address, size_t old_size, size_t new_size, int flags, ... /* void *new_address */);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial nint mremap(nint oldAddress, nuint oldSize, nuint newSize, int flags, nint newAddress);

    // int munmap(void *addr, size_t length);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int munmap(nint addr, nuint length);

    // int madvise(void *addr, size_t length, int advice);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int madvise(nint addr, nuint length, int advice);

    // int mincore(void *addr, size_t length, unsigned char *vec);
    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int mincore(nint addr, nuint length, byte* vec);

    // int statfs(const char *path, struct statfs *buf);
    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statfs(string path, StatFs* buf);

    // int mkdir(const char *pathname, mode_t mode);
    [LibraryImport(Libc, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int mkdir(string pathname, uint mode);

    // int malloc_trim(size_t pad); glibc
    [LibraryImport(Libc)]
    internal static partial int malloc_trim(nuint pad);

    /// <summary>struct statvfs of glibc on 64-bit Linux: 112 bytes.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 112)]
    internal struct StatVfs
    {
        internal ulong BlockSize;
        internal ulong FragmentSize;
        internal ulong Blocks;
        internal ulong BlocksFree;
        internal ulong BlocksAvailable;
        internal ulong Files;
        internal ulong FilesFree;
        internal ulong FilesAvailable;
        internal ulong FileSystemId;
        internal ulong Flags;
        internal ulong NameMax;
    }

    /// <summary>struct statfs on 64-bit Linux: 120 bytes; only what is read is named.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 120)]
    internal struct StatFs
    {
        [FieldOffset(0)] internal long Type;
    }

    /// <summary>struct statx (linux/stat.h): 256 bytes on every architecture; only what is read is named.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    internal struct StatX
    {
        [FieldOffset(16)] internal uint Links;
        [FieldOffset(20)] internal uint Uid;
        [FieldOffset(28)] internal ushort Mode;
        [FieldOffset(32)] internal ulong Inode;
        [FieldOffset(40)] internal ulong Size;
        [FieldOffset(48)] internal ulong Blocks;
        [FieldOffset(96)] internal StatXTime Changed;
        [FieldOffset(112)] internal StatXTime Modified;
        [FieldOffset(136)] internal uint DeviceMajor;
        [FieldOffset(140)] internal uint DeviceMinor;
    }

    /// <summary>struct statx_timestamp.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 16)]
    internal struct StatXTime
    {
        internal long Seconds;
        internal uint Nanoseconds;
    }

    /// <summary>struct ucred: pid, uid, gid.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct UCred
    {
        internal int Pid;
        internal uint Uid;
        internal uint Gid;
    }
}
