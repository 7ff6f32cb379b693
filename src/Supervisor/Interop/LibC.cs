using System.Runtime.InteropServices;

namespace IsolatedAgents.Supervisor.Interop;

/// <summary>The system calls the supervisor makes, as the C library declares them. Linux on x86-64.</summary>
internal static unsafe partial class LibC
{
    [LibraryImport("c", SetLastError = true)]
    public static partial nint read(int fd, byte* buffer, nuint count);

    [LibraryImport("c", SetLastError = true)]
    public static partial nint write(int fd, byte* buffer, nuint count);

    [LibraryImport("c", SetLastError = true)]
    public static partial int close(int fd);

    [LibraryImport("c", SetLastError = true)]
    public static partial int open(byte* path, int flags, int mode);

    [LibraryImport("c", SetLastError = true)]
    public static partial int openat(int directory, byte* path, int flags, int mode);

    [LibraryImport("c", SetLastError = true)]
    public static partial int fcntl(int fd, int command, nint argument);

    [LibraryImport("c", SetLastError = true)]
    public static partial int pipe2(int* descriptors, int flags);

    [LibraryImport("c", SetLastError = true)]
    public static partial int eventfd(uint value, int flags);

    [LibraryImport("c", SetLastError = true)]
    public static partial int dup3(int fd, int newFd, int flags);

    [LibraryImport("c", SetLastError = true)]
    public static partial int socket(int family, int type, int protocol);

    [LibraryImport("c", SetLastError = true)]
    public static partial int connect(int fd, byte* address, int length);

    [LibraryImport("c", SetLastError = true)]
    public static partial int bind(int fd, byte* address, int length);

    [LibraryImport("c", SetLastError = true)]
    public static partial int listen(int fd, int backlog);

    [LibraryImport("c", SetLastError = true)]
    public static partial int accept4(int fd, byte* address, int* length, int flags);

    [LibraryImport("c", SetLastError = true)]
    public static partial int setsockopt(int fd, int level, int option, void* value, int length);

    [LibraryImport("c", SetLastError = true)]
    public static partial int getsockopt(int fd, int level, int option, void* value, int* length);

    [LibraryImport("c", SetLastError = true)]
    public static partial int getsockname(int fd, byte* address, int* length);

    [LibraryImport("c", SetLastError = true)]
    public static partial int getpeername(int fd, byte* address, int* length);

    [LibraryImport("c", SetLastError = true)]
    public static partial int shutdown(int fd, int how);

    [LibraryImport("c", SetLastError = true)]
    public static partial int socketpair(int family, int type, int protocol, int* descriptors);

    [LibraryImport("c", SetLastError = true)]
    public static partial nint recvfrom(int fd, byte* buffer, nuint length, int flags, byte* address, int* addressLength);

    [LibraryImport("c", SetLastError = true)]
    public static partial nint sendto(int fd, byte* buffer, nuint length, int flags, byte* address, int addressLength);

    [LibraryImport("c", SetLastError = true)]
    public static partial nint sendmsg(int fd, SocketMessage* message, int flags);

    [LibraryImport("c", SetLastError = true)]
    public static partial int epoll_create1(int flags);

    [LibraryImport("c", SetLastError = true)]
    public static partial int epoll_ctl(int epoll, int operation, int fd, EpollEvent* change);

    [LibraryImport("c", SetLastError = true)]
    public static partial int epoll_wait(int epoll, EpollEvent* events, int count, int timeoutMilliseconds);

    [LibraryImport("c", SetLastError = true)]
    public static partial int poll(PollDescriptor* descriptors, nuint count, int timeoutMilliseconds);

    [LibraryImport("c", SetLastError = true)]
    public static partial int kill(int processId, int signal);

    [LibraryImport("c", SetLastError = true)]
    public static partial int waitpid(int processId, int* status, int options);

    [LibraryImport("c", SetLastError = true)]
    public static partial int getpid();

    [LibraryImport("c", SetLastError = true)]
    public static partial int setsid();

    [LibraryImport("c", SetLastError = true)]
    public static partial int prctl(int option, nuint argument2, nuint argument3, nuint argument4, nuint argument5);

    [LibraryImport("c", SetLastError = true)]
    public static partial int setgroups(nuint count, int* groups);

    [LibraryImport("c", SetLastError = true)]
    public static partial int getgroups(int count, int* groups);

    [LibraryImport("c", SetLastError = true)]
    public static partial int setresgid(int real, int effective, int saved);

    [LibraryImport("c", SetLastError = true)]
    public static partial int setresuid(int real, int effective, int saved);

    [LibraryImport("c", SetLastError = true)]
    public static partial int getresuid(int* real, int* effective, int* saved);

    [LibraryImport("c", SetLastError = true)]
    public static partial int getresgid(int* real, int* effective, int* saved);

    [LibraryImport("c", SetLastError = true)]
    public static partial int setfsuid(int userId);

    [LibraryImport("c", SetLastError = true)]
    public static partial int setfsgid(int groupId);

    [LibraryImport("c", SetLastError = true)]
    public static partial int chdir(byte* path);

    [LibraryImport("c", SetLastError = true)]
    public static partial int lchown(byte* path, int userId, int groupId);

    [LibraryImport("c", SetLastError = true)]
    public static partial int chmod(byte* path, uint mode);

    [LibraryImport("c", SetLastError = true)]
    public static partial int fchmodat(int directory, byte* path, uint mode, int flags);

    [LibraryImport("c", SetLastError = true)]
    public static partial int fstat(int fd, FileStatus* status);

    [LibraryImport("c", SetLastError = true)]
    public static partial int fstatat(int directory, byte* path, FileStatus* status, int flags);

    [LibraryImport("c", SetLastError = true)]
    public static partial int fstatfs(int fd, FileSystemStatus* status);

    [LibraryImport("c", SetLastError = true)]
    public static partial int execve(byte* path, byte** arguments, byte** environment);

    [LibraryImport("c", SetLastError = true)]
    public static partial nint signal(int number, nint handler);

    [LibraryImport("c", SetLastError = true)]
    public static partial int sigemptyset(SignalSet* set);

    [LibraryImport("c", SetLastError = true)]
    public static partial int sigaddset(SignalSet* set, int number);

    [LibraryImport("c", SetLastError = true)]
    public static partial int sigprocmask(int how, SignalSet* set, SignalSet* old);

    [LibraryImport("c", SetLastError = true)]
    public static partial int sigismember(SignalSet* set, int number);

    [LibraryImport("c", SetLastError = true)]
    public static partial int signalfd(int fd, SignalSet* set, int flags);

    [LibraryImport("c", SetLastError = true)]
    public static partial int setrlimit(int resource, ResourceLimit* limit);

    [LibraryImport("c", SetLastError = true)]
    public static partial int posix_spawn(
        int* processId,
        byte* path,
        SpawnFileActions* actions,
        void* attributes,
        byte** arguments,
        byte** environment
    );

    [LibraryImport("c", SetLastError = true)]
    public static partial int posix_spawn_file_actions_init(SpawnFileActions* actions);

    [LibraryImport("c", SetLastError = true)]
    public static partial int posix_spawn_file_actions_adddup2(SpawnFileActions* actions, int fd, int newFd);

    [LibraryImport("c", SetLastError = true)]
    public static partial int posix_spawn_file_actions_addopen(SpawnFileActions* actions, int fd, byte* path, int flags, uint mode);

    [LibraryImport("c", SetLastError = true)]
    public static partial int posix_spawn_file_actions_destroy(SpawnFileActions* actions);

    [LibraryImport("c", SetLastError = true)]
    public static partial int symlinkat(byte* target, int directory, byte* path);

    [LibraryImport("c", SetLastError = true)]
    public static partial nint readlinkat(int directory, byte* path, byte* buffer, nuint length);

    [LibraryImport("c", SetLastError = true)]
    public static partial int ioctl(int fd, nuint request, void* argument);

    [LibraryImport("c", SetLastError = true)]
    public static partial nint process_vm_readv(
        int processId,
        MemoryRange* local,
        nuint localCount,
        MemoryRange* remote,
        nuint remoteCount,
        nuint flags
    );

    [LibraryImport("c", SetLastError = true)]
    public static partial nint syscall(nint number, nint argument1, nint argument2, nint argument3, nint argument4);
}
