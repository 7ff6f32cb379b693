using System.Runtime.InteropServices;

namespace IsolatedAgents.Platform.Files;

/// <summary>Changes who owns a file. lchown(2): a link is changed itself, and never what it points to.</summary>
internal static partial class FileOwner
{
    /// <summary>Sets both owners. False where the system refuses, or knows no such owners.</summary>
    public static bool Set(string path, int userId, int groupId) => OperatingSystem.IsLinux() && lchown(path, userId, groupId) == 0;

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int lchown(string path, int owner, int group);
}
