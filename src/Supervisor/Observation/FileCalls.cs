using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>Judges calls that name files. Asking for what is not there is no finding: programs look in many places.</summary>
internal sealed unsafe class FileCalls(FileRules rules)
{
    private const string MakeFolder = "mkdir";

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
            SystemCalls.Truncate => Change(in call, CurrentDirectory, 0, "truncate", follow: true),
            SystemCalls.ChangeMode => Change(in call, CurrentDirectory, 0, "chmod", follow: true),
            SystemCalls.ChangeModeAt => Change(in call, first, 1, "chmod", follow: true),
            SystemCalls.ChangeModeAt2 => Change(in call, first, 1, "chmod", (call.Arguments[3] & NoFollow) == 0),
            SystemCalls.ChangeOwner => Change(in call, CurrentDirectory, 0, "chown", follow: true),
            SystemCalls.ChangeLinkOwner => Change(in call, CurrentDirectory, 0, "chown", follow: false),
            SystemCalls.ChangeOwnerAt => Change(in call, first, 1, "chown", (call.Arguments[4] & NoFollow) == 0),
            SystemCalls.MakeFolder => Make(in call, CurrentDirectory, 0, MakeFolder),
            SystemCalls.MakeFolderAt => Make(in call, first, 1, MakeFolder),
            SystemCalls.MakeNode => Make(in call, CurrentDirectory, 0, "mknod"),
            SystemCalls.MakeNodeAt => Make(in call, first, 1, "mknod"),
            SystemCalls.SymbolicLink => Make(in call, CurrentDirectory, 1, "symlink"),
            SystemCalls.SymbolicLinkAt => Make(in call, (int)call.Arguments[1], 2, "symlink"),
            SystemCalls.Link => Link(in call, CurrentDirectory, 0, CurrentDirectory, 1, follow: false),
            SystemCalls.LinkAt => Link(in call, first, 1, third, 3, (call.Arguments[4] & FollowLink) != 0),
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
        if (Find(in call, directory, argument, follow: (flags & OpenNoFollow) == 0 && !isNew) is not { } found)
        {
            return Unreadable("open");
        }

        if (!isWrite)
        {
            return found.Kind is PathKind.File or PathKind.Special or PathKind.Unreachable ? Read(found) : Judgement.Pass;
        }

        bool isAbsent = found.Kind == PathKind.Missing && (flags & OpenCreate) == 0;
        return isAbsent || found.Kind is PathKind.Nameless or PathKind.Link ? Judgement.Pass : Write(found, "");
    }

    private Judgement Read(ResolvedPath found)
    {
        DenialReason reason = rules.Read(found.Path);
        return reason != DenialReason.None ? Judgement.DenyFile(reason, found.Path, "read")
            : found.Kind == PathKind.File ? Judgement.Allow(ActivityKind.FileRead, found.Path)
            : Judgement.Pass;
    }

    private Judgement Write(ResolvedPath found, string operation)
    {
        DenialReason reason = Judge(found, isFolder: found.Kind == PathKind.Folder || operation == MakeFolder);
        return reason != DenialReason.None ? Judgement.DenyFile(reason, found.Path, operation.Length > 0 ? operation : "write")
            : found.Kind == PathKind.Special ? Judgement.Pass
            : Judgement.Allow(ActivityKind.FileWritten, found.Path, operation);
    }

    // A folder on the way to what is protected may be there, made and changed; anything else in its place would make it another way.
    private DenialReason Judge(ResolvedPath found, bool isFolder) => isFolder ? rules.Write(found.Path) : rules.Replace(found.Path);

    private Judgement Change(in SystemCallNotification call, int directory, int argument, string operation, bool follow) =>
        Find(in call, directory, argument, follow) is not { } found ? Unreadable(operation)
        : found.Kind is PathKind.Missing or PathKind.Nameless ? Judgement.Pass
        : Write(found, operation);

    // What is there already is an error of the kernel's, and no attempt.
    private Judgement Make(in SystemCallNotification call, int directory, int argument, string operation) =>
        Find(in call, directory, argument, follow: false) is not { } found ? Unreadable(operation)
        : found.Kind is PathKind.Missing or PathKind.Unreachable ? Write(found, operation)
        : Judgement.Pass;

    private Judgement Link(in SystemCallNotification call, int directory, int argument, int newDirectory, int newArgument, bool follow)
    {
        if (Find(in call, directory, argument, follow) is not { } found)
        {
            return Unreadable("link");
        }

        // A second name for a file that may not be read would make it readable, and for one that is protected, writable.
        DenialReason reason = rules.Read(found.Path) is not DenialReason.None and DenialReason unread ? unread : rules.IsProtected(found.Path) ? DenialReason.ProtectedPath : DenialReason.None;
        return reason != DenialReason.None && found.Kind is not (PathKind.Missing or PathKind.Nameless)
            ? Judgement.DenyFile(reason, found.Path, "link")
            : Make(in call, newDirectory, newArgument, "link");
    }

    private Judgement Delete(in SystemCallNotification call, int directory, int argument)
    {
        if (Find(in call, directory, argument, follow: false) is not { } found)
        {
            return Unreadable("delete");
        }

        if (found.Kind is PathKind.Missing or PathKind.Nameless)
        {
            return Judgement.Pass;
        }

        DenialReason reason = Judge(found, isFolder: found.Kind == PathKind.Folder);
        return reason != DenialReason.None
            ? Judgement.DenyFile(reason, found.Path, "delete")
            : Judgement.Allow(ActivityKind.FileDeleted, found.Path);
    }

    private Judgement Rename(in SystemCallNotification call, int directory, int argument, int newDirectory, int newArgument)
    {
        if (Find(in call, directory, argument, follow: false) is not { } from || Find(in call, newDirectory, newArgument, follow: false) is not { } to)
        {
            return Unreadable("rename");
        }

        if (from.Kind is PathKind.Missing or PathKind.Nameless)
        {
            return Judgement.Pass;
        }

        DenialReason reason = rules.Replace(from.Path);
        if (reason != DenialReason.None)
        {
            return Judgement.DenyFile(reason, from.Path, "rename");
        }

        reason = rules.Replace(to.Path);
        return reason != DenialReason.None
            ? Judgement.DenyFile(reason, to.Path, "rename")
            : Judgement.Allow(ActivityKind.FileRenamed, from.Path, to.Path);
    }

    private Judgement Execute(in SystemCallNotification call, int directory, int argument, int arguments)
    {
        if (Find(in call, directory, argument, follow: true) is not { } found)
        {
            return Unreadable("execute");
        }

        if (found.Kind is PathKind.Missing or PathKind.Folder or PathKind.Nameless)
        {
            return Judgement.Pass;
        }

        DenialReason reason = rules.Read(found.Path);
        if (reason != DenialReason.None)
        {
            return Judgement.DenyFile(reason, found.Path, "execute");
        }

        int processId = (int)call.ProcessId;
        string commandLine = AgentMemory.ReadCommandLine(processId, call.Arguments[arguments]);
        return Judgement.Allow(ActivityKind.ProcessStarted, commandLine.Length > 0 ? commandLine : found.Path, found.Path);
    }

    private static ResolvedPath? Find(in SystemCallNotification call, int directory, int argument, bool follow)
    {
        int processId = (int)call.ProcessId;
        return AgentMemory.ReadPath(processId, call.Arguments[argument]) is { } path ? PathResolver.Resolve(processId, directory, path, follow) : null;
    }

    private static Judgement Unreadable(string operation) => Judgement.DenyFile(DenialReason.Unreadable, "(unreadable)", operation);
}
