using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Paths;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>Judges calls that name files. Asking for what is not there is no finding: programs look in many places.</summary>
internal sealed unsafe class FileCalls(FileRules rules, SubstituteFiles substitutes, PathResolver resolver)
{
    private readonly byte[] _name = new byte[AgentMemory.MaxPath];
    private readonly byte[] _commandLine = new byte[AgentMemory.MaxCommandLine];
    private readonly PathBuffer _found = new();
    private readonly PathBuffer _target = new();

    private static ReadOnlySpan<byte> MakeFolder => "mkdir"u8;

    // The name of a refused open that would have made the file, or failed.
    private static ReadOnlySpan<byte> CreateFile => "create"u8;

    private static ReadOnlySpan<byte> NoPath => "(unreadable)"u8;

    public Judgement Judge(in SystemCallNotification call)
    {
        int first = (int)call.Arguments[0];
        int third = (int)call.Arguments[2];
        return call.Number switch
        {
            SystemCalls.Open => Open(in call, CurrentDirectory, 0, (int)call.Arguments[1]),
            SystemCalls.OpenAt => Open(in call, first, 1, third),
            SystemCalls.OpenAt2 => Open(in call, first, 1, ReadOpenFlags(in call)),
            SystemCalls.Create => Open(in call, CurrentDirectory, 0, OpenCreate | OpenTruncate | 1),
            SystemCalls.Truncate => Change(in call, CurrentDirectory, 0, "truncate"u8, follow: true),
            SystemCalls.ChangeMode => Change(in call, CurrentDirectory, 0, "chmod"u8, follow: true),
            SystemCalls.ChangeModeAt => Change(in call, first, 1, "chmod"u8, follow: true),
            SystemCalls.ChangeModeAt2 => Change(in call, first, 1, "chmod"u8, (call.Arguments[3] & NoFollow) == 0),
            SystemCalls.ChangeOwner => Change(in call, CurrentDirectory, 0, "chown"u8, follow: true),
            SystemCalls.ChangeLinkOwner => Change(in call, CurrentDirectory, 0, "chown"u8, follow: false),
            SystemCalls.ChangeOwnerAt => Change(in call, first, 1, "chown"u8, (call.Arguments[4] & NoFollow) == 0),
            SystemCalls.MakeFolder => Make(in call, CurrentDirectory, 0, MakeFolder),
            SystemCalls.MakeFolderAt => Make(in call, first, 1, MakeFolder),
            SystemCalls.MakeNode => Make(in call, CurrentDirectory, 0, "mknod"u8),
            SystemCalls.MakeNodeAt => Make(in call, first, 1, "mknod"u8),
            SystemCalls.SymbolicLink => Make(in call, CurrentDirectory, 1, "symlink"u8),
            SystemCalls.SymbolicLinkAt => Make(in call, (int)call.Arguments[1], 2, "symlink"u8),
            SystemCalls.Link => Link(in call, new PathArgument(CurrentDirectory, 0), new PathArgument(CurrentDirectory, 1), follow: false),
            SystemCalls.LinkAt => Link(
                in call,
                new PathArgument(first, 1),
                new PathArgument(third, 3),
                (call.Arguments[4] & FollowLink) != 0
            ),
            SystemCalls.Unlink or SystemCalls.RemoveFolder => Delete(in call, CurrentDirectory, 0),
            SystemCalls.UnlinkAt => Delete(in call, first, 1),
            SystemCalls.Rename => Rename(in call, CurrentDirectory, 0, CurrentDirectory, 1),
            SystemCalls.RenameAt or SystemCalls.RenameAt2 => Rename(in call, first, 1, third, 3),
            SystemCalls.Execute => Execute(in call, CurrentDirectory, 0, 1),
            SystemCalls.ExecuteAt => Execute(in call, first, 1, 2),
            _ => Judgement.DenyCall(DenialReason.DeniedCall, $"system call {call.Number}", NotPermitted),
        };
    }

    // -1, every flag, where it cannot be read: judged as the most that it could be.
    private static int ReadOpenFlags(in SystemCallNotification call)
    {
        Span<byte> flags = stackalloc byte[sizeof(ulong)];
        return AgentMemory.Read((int)call.ProcessId, call.Arguments[2], flags) == flags.Length ? (int)BitConverter.ToUInt64(flags) : -1;
    }

    private Judgement Open(in SystemCallNotification call, int directory, int argument, int flags)
    {
        bool isTemporary = (flags & OpenTemporaryFile) != 0;
        bool isWrite = (flags & OpenAccessMode) != 0 || (flags & (OpenCreate | OpenTruncate)) != 0 || isTemporary;
        if (flags != -1 && ((flags & OpenPath) != 0 || (!isWrite && (flags & OpenDirectory) != 0)))
        {
            // Neither gives a file's content; what is opened through the former later is resolved then.
            return Judgement.Pass;
        }

        bool isNew = (flags & OpenCreate) != 0 && (flags & OpenExclusive) != 0;
        if (Find(in call, directory, argument, follow: (flags & OpenNoFollow) == 0 && !isNew, _found) is not { } kind)
        {
            return Unreadable("open"u8);
        }

        if (!isWrite)
        {
            // openat2 may ask for more than an open is, such as how a path is resolved: the kernel answers that.
            if (
                call.Number != SystemCalls.OpenAt2
                && kind is (PathKind.File or PathKind.Missing)
                && substitutes.Find(_found.Bytes) is >= 0 and int number
                && rules.Read(_found.Text) == DenialReason.None
            )
            {
                return Judgement.Show(number, flags != -1 && (flags & OpenCloseOnExec) != 0, _found.Bytes);
            }

            return
                kind is PathKind.File or PathKind.Special or PathKind.Unreachable
                || (kind == PathKind.Folder && FileRules.IsSupervisors(_found.Text))
                ? Read(kind)
                : Judgement.Pass;
        }

        bool isAbsent = kind == PathKind.Missing && (flags & OpenCreate) == 0;
        return isAbsent || kind is PathKind.Nameless or PathKind.Link
            ? Judgement.Pass
            : Write(kind, default, isNew ? CreateFile : "write"u8);
    }

    private Judgement Read(PathKind kind)
    {
        DenialReason reason = rules.Read(_found.Text);
        return reason != DenialReason.None ? Judgement.DenyFile(reason, _found.Bytes, "read"u8)
            : kind == PathKind.File ? Judgement.Allow(ActivityKind.FileRead, _found.Bytes)
            : Judgement.Pass;
    }

    private Judgement Write(PathKind kind, ReadOnlySpan<byte> operation) => Write(kind, operation, operation);

    private Judgement Write(PathKind kind, ReadOnlySpan<byte> operation, ReadOnlySpan<byte> refusedOperation)
    {
        DenialReason reason = JudgeFound(isFolder: kind == PathKind.Folder || operation.SequenceEqual(MakeFolder));
        return reason != DenialReason.None ? Judgement.DenyFile(reason, _found.Bytes, refusedOperation)
            : kind == PathKind.Special ? Judgement.Pass
            : Judgement.Allow(ActivityKind.FileWritten, _found.Bytes, operation);
    }

    // A folder on the way to what is protected may be there, made and changed; anything else in its place would make it another way.
    private DenialReason JudgeFound(bool isFolder) => isFolder ? rules.Write(_found.Text) : rules.Replace(_found.Text);

    private Judgement Change(in SystemCallNotification call, int directory, int argument, ReadOnlySpan<byte> operation, bool follow) =>
        Find(in call, directory, argument, follow, _found) is not { } kind ? Unreadable(operation)
        : kind is PathKind.Missing or PathKind.Nameless ? Judgement.Pass
        : Write(kind, operation);

    // What is there already is an error of the kernel's, and no attempt.
    private Judgement Make(in SystemCallNotification call, int directory, int argument, ReadOnlySpan<byte> operation) =>
        Find(in call, directory, argument, follow: false, _found) is not { } kind ? Unreadable(operation)
        : kind is PathKind.Missing or PathKind.Unreachable ? Write(kind, operation)
        : Judgement.Pass;

    private Judgement Link(in SystemCallNotification call, PathArgument from, PathArgument to, bool follow)
    {
        if (Find(in call, from.Directory, from.Argument, follow, _found) is not { } kind)
        {
            return Unreadable("link"u8);
        }

        // A second name for a file that may not be read would make it readable, and for one that is protected, writable.
        DenialReason reason =
            rules.Read(_found.Text) is not DenialReason.None and DenialReason unread ? unread
            : rules.IsProtected(_found.Text) ? DenialReason.ProtectedPath
            : DenialReason.None;
        return reason != DenialReason.None && kind is not (PathKind.Missing or PathKind.Nameless)
            ? Judgement.DenyFile(reason, _found.Bytes, "link"u8)
            : Make(in call, to.Directory, to.Argument, "link"u8);
    }

    private Judgement Delete(in SystemCallNotification call, int directory, int argument)
    {
        if (Find(in call, directory, argument, follow: false, _found) is not { } kind)
        {
            return Unreadable("delete"u8);
        }

        if (kind is PathKind.Missing or PathKind.Nameless)
        {
            return Judgement.Pass;
        }

        DenialReason reason = JudgeFound(isFolder: kind == PathKind.Folder);
        if (reason != DenialReason.None)
        {
            return Judgement.DenyFile(reason, _found.Bytes, "delete"u8);
        }

        ForgetWays(kind);
        return Judgement.Allow(ActivityKind.FileDeleted, _found.Bytes);
    }

    private Judgement Rename(in SystemCallNotification call, int directory, int argument, int newDirectory, int newArgument)
    {
        if (
            Find(in call, directory, argument, follow: false, _found) is not { } from
            || Find(in call, newDirectory, newArgument, follow: false, _target) is not { } to
        )
        {
            return Unreadable("rename"u8);
        }

        if (from is PathKind.Missing or PathKind.Nameless || to == PathKind.Nameless)
        {
            return Judgement.Pass;
        }

        DenialReason reason = rules.Replace(_found.Text);
        if (reason != DenialReason.None)
        {
            return Judgement.DenyFile(reason, _found.Bytes, "rename"u8);
        }

        reason = rules.Replace(_target.Text);
        if (reason != DenialReason.None)
        {
            return Judgement.DenyFile(reason, _target.Bytes, "rename"u8);
        }

        ForgetWays(from);
        if (to != PathKind.Missing)
        {
            ForgetWays(to);
        }

        return Judgement.Allow(ActivityKind.FileRenamed, _found.Bytes, _target.Bytes);
    }

    // Remembered ways lead through folders and links alone: a changed file makes none of them stale.
    private void ForgetWays(PathKind kind)
    {
        if (kind is not (PathKind.File or PathKind.Special))
        {
            resolver.Forget();
        }
    }

    private Judgement Execute(in SystemCallNotification call, int directory, int argument, int arguments)
    {
        if (Find(in call, directory, argument, follow: true, _found) is not { } kind)
        {
            return Unreadable("execute"u8);
        }

        if (kind is PathKind.Missing or PathKind.Folder or PathKind.Nameless)
        {
            return Judgement.Pass;
        }

        DenialReason reason = rules.Read(_found.Text);
        if (reason != DenialReason.None)
        {
            return Judgement.DenyFile(reason, _found.Bytes, "execute"u8);
        }

        int length = AgentMemory.ReadCommandLine((int)call.ProcessId, call.Arguments[arguments], _commandLine);
        return Judgement.Allow(ActivityKind.ProcessStarted, length > 0 ? _commandLine.AsSpan(0, length) : _found.Bytes, _found.Bytes);
    }

    private PathKind? Find(in SystemCallNotification call, int directory, int argument, bool follow, PathBuffer found)
    {
        int processId = (int)call.ProcessId;
        int length = AgentMemory.ReadPath(processId, call.Arguments[argument], _name);
        if (
            length == 0
            && call.Number is not (SystemCalls.ExecuteAt or SystemCalls.ChangeOwnerAt or SystemCalls.ChangeModeAt2 or SystemCalls.LinkAt)
        )
        {
            // No other call takes a descriptor without a name.
            found.Clear();
            return PathKind.Nameless;
        }

        return length < 0 ? null : resolver.Resolve(processId, directory, _name.AsSpan(0, length), follow, found);
    }

    private static Judgement Unreadable(ReadOnlySpan<byte> operation) => Judgement.DenyFile(DenialReason.Unreadable, NoPath, operation);

    /// <summary>The place of a path among the arguments of a call.</summary>
    /// <param name="Directory">The descriptor of the folder that the path starts from.</param>
    /// <param name="Argument">Which argument points at the path.</param>
    private readonly record struct PathArgument(int Directory, int Argument);
}
