using IsolatedAgents.Supervisor.Verification;

namespace IsolatedAgents.Supervisor.Tests;

[TestClass]
public sealed class MountTableTests
{
    private static readonly string[] Lines =
    [
        "600 500 0:50 / / ro,relatime - overlay overlay rw,lowerdir=x",
        "601 600 254:0 /home/me/code /workspace ro,relatime - ext4 /dev/vda rw",
        "602 600 254:0 /a\\040b /agent/a\\040b ro,relatime - ext4 /dev/vda rw",
        "603 600 0:51 / /output rw,nosuid - tmpfs tmpfs rw",
        "604 600 254:0 /data /data ro,relatime - ext4 /dev/vda rw",
        "605 604 0:52 / /data/cache rw,relatime - tmpfs tmpfs rw",
        "606 600 254:0 /x /twice ro - ext4 /dev/vda rw",
        "607 606 254:0 /y /twice rw - ext4 /dev/vda rw",
        "608 600 254:0 /x /workspace-two rw - ext4 /dev/vda rw",
    ];

    [TestMethod]
    [DataRow("/workspace", null)]
    [DataRow("/agent/a b", null)]
    [DataRow("/output", "'/output' is writable")]
    [DataRow("/missing", "'/missing' is not mounted")]
    [DataRow("/data", "'/data/cache', which is mounted below '/data', is writable")]
    [DataRow("/twice", "'/twice' is writable")]
    public void FindWritable_Path_TellsWhatIsWrong(string path, string? problem) =>
        Assert.AreEqual(problem, MountTable.Parse(Lines).FindWritable(path));
}
